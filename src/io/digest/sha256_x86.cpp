#include "io/digest/sha256_blocks.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>
#endif

namespace corepulse::io {

#if defined(__x86_64__)
namespace {

bool has_instructions() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  const bool sha = __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
  return sha && __get_cpuid(1, &a, &b, &c, &d) && (c >> 19 & 1);  // and SSE4.1
}

__m128i load(const void* from) {
  return _mm_loadu_si128(static_cast<const __m128i*>(from));
}
void store(void* to, __m128i value) {
  _mm_storeu_si128(static_cast<__m128i*>(to), value);
}

// The instructions hold the state as two vectors, {a, b, e, f} and {c, d, g, h} from the highest lane down, and take
// four rounds' words at a time (Intel SHA Extensions, 2013).
__attribute__((target("sha,sse4.1"))) void run(Sha256State& state, const std::byte* bytes, size_t blocks) {
  const __m128i big_endian = _mm_set_epi64x(0x0c0d0e0f08090a0b, 0x0405060700010203);
  const __m128i cdab = _mm_shuffle_epi32(load(&state[0]), 0xb1), efgh = _mm_shuffle_epi32(load(&state[4]), 0x1b);
  __m128i abef = _mm_alignr_epi8(cdab, efgh, 8), cdgh = _mm_blend_epi16(efgh, cdab, 0xf0);
  for (; blocks > 0; --blocks, bytes += 64) {
    const __m128i abef_before = abef, cdgh_before = cdgh;
    __m128i words[16];
    for (int i = 0; i < 16; ++i) {
      if (i < 4) {
        words[i] = _mm_shuffle_epi8(load(bytes + 16 * i), big_endian);
      } else {
        const __m128i seven_back = _mm_alignr_epi8(words[i - 1], words[i - 2], 4);
        const __m128i sum = _mm_add_epi32(_mm_sha256msg1_epu32(words[i - 4], words[i - 3]), seven_back);
        words[i] = _mm_sha256msg2_epu32(sum, words[i - 1]);
      }
      const __m128i added = _mm_add_epi32(words[i], load(&kSha256Round[4 * i]));
      cdgh = _mm_sha256rnds2_epu32(cdgh, abef, added);
      abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(added, 0x0e));
    }
    abef = _mm_add_epi32(abef, abef_before);
    cdgh = _mm_add_epi32(cdgh, cdgh_before);
  }
  const __m128i feba = _mm_shuffle_epi32(abef, 0x1b), dchg = _mm_shuffle_epi32(cdgh, 0xb1);
  store(&state[0], _mm_blend_epi16(feba, dchg, 0xf0));
  store(&state[4], _mm_alignr_epi8(dchg, feba, 8));
}

}  // namespace

bool sha256_blocks_x86(Sha256State& state, const std::byte* bytes, size_t blocks) {
  static const bool there = has_instructions();
  if (there) run(state, bytes, blocks);
  return there;
}
#else
bool sha256_blocks_x86(Sha256State&, const std::byte*, size_t) {
  return false;
}
#endif

}  // namespace corepulse::io
