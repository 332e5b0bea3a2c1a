// Keys and values as tiles want them: two neighbours of a sum beside each other.
#include <algorithm>

#include "kernels/amx/attention_simd.h"
#include "kernels/options.h"

#if defined(__x86_64__)
#include "kernels/amx/split-inl.h"

namespace corepulse::kernels {

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")

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

/** The keys or values of a piece, `stride` apart. */
struct Rows {
  const BFloat16* from;
  int64_t stride;
  const int32_t* which;
  int64_t n;

  Rows after(int64_t rows) const { return {from, stride, which + rows, n - rows}; }
  const BFloat16* at(int64_t i, int64_t number) const { return from + which[i] * stride + number; }
};

// 16 keys' 32 numbers from `number` on as tiles want them: pair beside pair, keys across.
void pack_keys(const Rows& keys, int64_t number, __mmask32 inside, BFloat16* to) {
  __m512i a[16];
  for (int64_t i = 0; i < 16; ++i)
    a[i] = i < keys.n ? _mm512_maskz_loadu_epi16(inside, keys.at(i, number)) : _mm512_setzero_si512();
  transpose_step<1>(a), transpose_step<2>(a), transpose_step<4>(a), transpose_step<8>(a);
  for (int64_t i = 0; i < 16; ++i) _mm512_store_si512(to + i * 32, a[i]);
}

// Pair r of 32 keys in the order that vpackusdw leaves weights in: keys 4 l .. 4 l + 3 and 16 more in its lane l.
int64_t first_of_pair(int64_t r) {
  return r / 4 * 4 + r % 2 * 2 + r % 4 / 2 * 16;
}

// 16 numbers of a value, each in 32 bits; zeros if there is no such value.
[[gnu::always_inline]] inline __m512i in_32_bits(const Rows& values, int64_t index, int64_t number, __mmask16 inside) {
  if (index >= values.n) return _mm512_setzero_si512();
  return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(inside, values.at(index, number)));
}

// `ones`: what stands after a value's last number, twice.
template <bool kSplit>
void pack_values(const Rows& values, int64_t size, int64_t column, int ones, BFloat16* to) {
  const int64_t left = std::min<int64_t>(size - 16 * column, 16);
  const auto inside = static_cast<__mmask16>((1u << left) - 1),
             one = static_cast<__mmask16>(left < 16 ? 1u << left : 0);
  for (int64_t r = 0; r < 16; ++r) {
    const int64_t key = kSplit ? 2 * r : first_of_pair(r);
    const __m512i low = in_32_bits(values, key, 16 * column, inside),
                  high = in_32_bits(values, key + 1, 16 * column, inside);
    const __m512i pair = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
    _mm512_store_si512(to + r * 32, _mm512_mask_mov_epi32(pair, one, _mm512_set1_epi32(ones)));
  }
}

// 16 keys, `half` 0 or 1 of a piece, of so many numbers.
void pack_half(const TilePlan& plan, const Rows& keys, int64_t numbers, int64_t half, BFloat16* to) {
  for (int64_t x = 0; x < plan.steps; ++x) {
    const __mmask32 inside = numbers - 32 * x >= 32 ? ~0u : (1u << (numbers - 32 * x)) - 1;
    pack_keys(keys, 32 * x, inside, to + (2 * x + half) * kTileNumbers);
  }
}

// A piece of float32 numbers: copies of its rows in parts are packed as those of bfloat16 are.
void pack_split_piece(const TilePlan& plan, const float* k, const float* v, int64_t stride, const int32_t* which,
                      int64_t n, BFloat16* keys, BFloat16* values) {
  constexpr int32_t kInOrder[kPiece] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,  10, 11, 12, 13, 14, 15,
                                        16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31};
  BFloat16 rows[kPiece * 2 * kMaxHeadSize];  // also enough for 16 keys of three parts
  const int64_t size = plan.task.size, width = kKeyParts * size;
  for (int64_t half = 0; half < 2; ++half) {
    for (int64_t i = 0; i < std::min<int64_t>(n - 16 * half, 16); ++i) {
      BFloat16* const row = rows + i * width;
      split_all(k + which[16 * half + i] * stride, size, row + 2 * size, row + size, row);
    }
    pack_half(plan, {rows, width, kInOrder, n - 16 * half}, width, half, keys);
  }
  for (int64_t i = 0; i < n; ++i)
    split_all(v + which[i] * stride, size, rows + (2 * i + 1) * size, rows + 2 * i * size);
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t c = 0; c < plan.columns; ++c, values += kTileNumbers)
      pack_values<true>({rows + part * size, 2 * size, kInOrder, n}, size, c, part ? kOnes : 0, values);
}

}  // namespace

void pack_piece(const TilePlan& plan, int64_t head, int64_t piece) {
  const TileAttention& t = plan.task;
  const int64_t row = head / t.heads, width = t.heads * t.size, origin = row * t.keys * width + head % t.heads * t.size;
  const int64_t first = piece * kPiece, n = std::min(kPiece, plan.seen[static_cast<size_t>(row)] - first);
  if (n <= 0) return;
  const int32_t* const which = plan.keys.data() + row * t.keys + first;
  BFloat16* const keys = plan.packed_keys + head * plan.keys_of_head() + piece * plan.steps * 2 * kTileNumbers;
  BFloat16* values = plan.packed_values + head * plan.values_of_head() + piece * plan.value_piece();
  const ConstNumbers k = t.k.at(origin), v = t.v.at(origin);
  if (t.split()) return pack_split_piece(plan, k, v, width, which, n, keys, values);
  const Rows all{static_cast<const BFloat16*>(k.data()), width, which, n};
  pack_half(plan, all, t.size, 0, keys), pack_half(plan, all.after(16), t.size, 1, keys);
  for (int64_t c = 0; c < plan.columns; ++c, values += kTileNumbers)
    pack_values<false>({static_cast<const BFloat16*>(v.data()), width, which, n}, t.size, c, kOnes, values);
}

HWY_POP_ATTRIBUTES

}  // namespace corepulse::kernels
#endif
