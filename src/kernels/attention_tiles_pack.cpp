// Keys and values as tiles want them: two neighbours of a sum beside each other.
#include <algorithm>

#include "kernels/attention_tiles_simd.h"

#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

namespace corepulse::kernels {

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq")

namespace {

constexpr int kOnes = 0x3f803f80;  // two

// Swaps the two blocks off the diagonal of every square of 2 kSize.
template <int kSize>
[[gnu::always_inline]] inline void transpose_step(__m512i (&a)[16]) {
  constexpr __mmask16 kOdd = kSize == 1 ? 0xaaaa : kSize == 2 ? 0xcccc : kSize == 4 ? 0xf0f0 : 0xff00;
  const __m512i lane = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
  const __m512i low = _mm512_mask_add_epi32(lane, kOdd, lane, _mm512_set1_epi32(16 - kSize));
  const __m512i high = _mm512_add_epi32(lane, _mm512_mask_set1_epi32(_mm512_set1_epi32(kSize), kOdd, 16));
  for (int i = 0; i < 16; ++i) {
    if (i & kSize) continue;
    const __m512i u = a[i], v = a[i + kSize];
    a[i] = _mm512_permutex2var_epi32(u, low, v);
    a[i + kSize] = _mm512_permutex2var_epi32(u, high, v);
  }
}

// 16 keys' 32 numbers as tiles want them: pair beside pair, keys across.
void pack_keys(const BFloat16* from, int64_t stride, const int32_t* keys, int64_t n, __mmask32 inside, BFloat16* to) {
  __m512i a[16];
  for (int64_t i = 0; i < 16; ++i)
    a[i] = i < n ? _mm512_maskz_loadu_epi16(inside, from + keys[i] * stride) : _mm512_setzero_si512();
  transpose_step<1>(a), transpose_step<2>(a), transpose_step<4>(a), transpose_step<8>(a);
  for (int64_t i = 0; i < 16; ++i) _mm512_store_si512(to + i * 32, a[i]);
}

// Pair r of 32 keys in the order that vpackusdw leaves weights in: keys 4 l .. 4 l + 3 and 16 more in its lane l.
int64_t first_of_pair(int64_t r) {
  return r / 4 * 4 + r % 2 * 2 + r % 4 / 2 * 16;
}

// 16 numbers of the key of that index, each in 32 bits; zeros if there is no such key.
[[gnu::always_inline]] inline __m512i widened(const BFloat16* from, int64_t stride, const int32_t* keys, int64_t n,
                                              int64_t index, __mmask16 inside) {
  if (index >= n) return _mm512_setzero_si512();
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, from + keys[index] * stride));
}

void pack_values(const BFloat16* from, int64_t stride, const int32_t* keys, int64_t n, int64_t size, int64_t column,
                 BFloat16* to) {
  const int64_t left = std::min<int64_t>(size - 16 * column, 16);
  const auto inside = static_cast<__mmask16>((1u << left) - 1),
             one = static_cast<__mmask16>(left < 16 ? 1u << left : 0);
  for (int64_t r = 0; r < 16; ++r) {
    const int64_t key = first_of_pair(r);
    const __m512i low = widened(from, stride, keys, n, key, inside),
                  high = widened(from, stride, keys, n, key + 1, inside);
    const __m512i pair = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
    _mm512_store_si512(to + r * 32, _mm512_mask_mov_epi32(pair, one, _mm512_set1_epi32(kOnes)));
  }
}

}  // namespace

void pack_piece(const TilePlan& plan, int64_t head, int64_t piece) {
  const TileAttention& t = plan.task;
  const int64_t row = head / t.heads, width = t.heads * t.size, origin = row * t.keys * width + head % t.heads * t.size;
  const int64_t first = piece * kPiece, n = std::min(kPiece, plan.seen[static_cast<size_t>(row)] - first);
  if (n <= 0) return;
  const int32_t* const keys = plan.keys.data() + row * t.keys + first;
  BFloat16* to = plan.packed_keys + head * plan.keys_of_head() + piece * plan.steps * 2 * kTileNumbers;
  for (int64_t x = 0; x < plan.steps; ++x) {
    const __mmask32 inside = t.size - 32 * x >= 32 ? ~0u : (1u << (t.size - 32 * x)) - 1;
    for (int64_t half = 0; half < 2; ++half, to += kTileNumbers)
      pack_keys(t.k + origin + 32 * x, width, keys + 16 * half, n - 16 * half, inside, to);
  }
  to = plan.packed_values + head * plan.values_of_head() + piece * plan.columns * kTileNumbers;
  for (int64_t c = 0; c < plan.columns; ++c, to += kTileNumbers)
    pack_values(t.v + origin + 16 * c, width, keys, n, t.size, c, to);
}

HWY_POP_ATTRIBUTES

}  // namespace corepulse::kernels
#endif
