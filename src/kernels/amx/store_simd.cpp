// AVX-512 intrinsics and not Highway: what runs beside AMX's tiles runs on no other processor.
#include <cstring>
#include <type_traits>

#include "kernels/amx/polynomials.h"
#include "kernels/amx/product_simd.h"

#if defined(__x86_64__)
#include "kernels/amx/split-inl.h"

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
namespace corepulse::kernels {
namespace {

[[gnu::always_inline]] inline __m512 load(const BFloat16* p) {
  return widened(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}
[[gnu::always_inline]] inline __m512 load(const float* p) {
  return _mm512_loadu_ps(p);
}

[[gnu::always_inline]] inline void store(__m512 x, BFloat16* p) {
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), narrowed(x));
}
[[gnu::always_inline]] inline void store(__m512 x, float* p) {
  _mm512_storeu_ps(p, x);
}

// 16 of 32 numbers that are split.
[[gnu::always_inline]] inline void store_split(__m512 x, BFloat16* p) {
  const Split parts(x);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), parts.high);
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p + 32), parts.low);
}

// 32 sums of a row to y, with what is added to them.
template <class T>
void store_row(const TileProduct& p, const float* sums, int64_t column, int64_t result) {
  const auto *added = static_cast<const T*>(p.added.data()), *rows = static_cast<const T*>(p.per_row.data());
  T* const y = static_cast<T*>(p.y.data());
  __m512 a = _mm512_loadu_ps(sums), b = _mm512_loadu_ps(sums + 16);
  const auto add = [&](__m512 left, __m512 right) { a = _mm512_add_ps(a, left), b = _mm512_add_ps(b, right); };
  if (p.w.bias) add(_mm512_loadu_ps(p.w.bias + column), _mm512_loadu_ps(p.w.bias + column + 16));
  if (rows) {
    const T* const q = rows + static_cast<uint32_t>(result) / static_cast<uint32_t>(p.pixels) * p.w.out + column;
    add(load(q), load(q + 16));
  }
  const int64_t at = result * p.w.out + column;
  if (added) add(load(added + at), load(added + at + 16));
  store(a, y + at), store(b, y + at + 16);
}

// 2^t and a / b; for a result that is rounded to bfloat16 by a polynomial to 3e-6 and a reciprocal of 14 bits.
template <bool kExact>
[[gnu::always_inline]] inline __m512 exp2(__m512 t) {
  constexpr float e[] = {1.0f, 0.69304489f, 0.24127987f, 0.05224319f, 0.01342624f};
  if constexpr (kExact) return exact_exp2(t);
  constexpr int kFraction = 1;  // _mm512_reduce_ps: x - floor(x)
  return _mm512_scalef_ps(horner(_mm512_reduce_ps(t, kFraction), e), t);
}
template <bool kExact>
[[gnu::always_inline]] inline __m512 quotient(__m512 a, __m512 b) {
  if constexpr (kExact) return _mm512_div_ps(a, b);
  return _mm512_mul_ps(a, _mm512_rcp14_ps(b));
}

// x Phi(x) as in math-inl.h; relative error below 1e-4 where that is enough.
template <bool kExact>
[[gnu::always_inline]] inline __m512 gelu(__m512 x) {
  const __m512 a = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(16));
  const __m512 t = _mm512_mul_ps(_mm512_mul_ps(a, a), _mm512_set1_ps(-0.72134752f));  // log2 of e^(-a^2/2)
  const __m512 tail = _mm512_mul_ps(exp2<kExact>(t), quotient<kExact>(horner(a, kTailOver), horner(a, kTailUnder)));
  const __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ);
  return _mm512_mul_ps(x, _mm512_mask_sub_ps(tail, positive, _mm512_set1_ps(1), tail));
}

// 16 values and 16 gates of a row to y.
template <bool kSplit>
void store_gated_row(const TileProduct& p, const float* sums, int64_t column, int64_t result) {
  const int64_t width = p.w.out / 2;
  __m512 a = _mm512_loadu_ps(sums), g = _mm512_loadu_ps(sums + 16);
  if (p.w.bias) {
    a = _mm512_add_ps(a, _mm512_loadu_ps(p.w.bias + column));
    g = _mm512_add_ps(g, _mm512_loadu_ps(p.w.bias + width + column));
  }
  const __m512 y = _mm512_mul_ps(a, gelu<kSplit>(g));
  auto* const to = static_cast<BFloat16*>(p.y.data());
  if constexpr (kSplit)
    store_split(y, to + (result * width + column / 32 * 32) * 2 + column % 32);
  else
    store(y, to + result * width + column);
}

void take_tile_row(const BFloat16* x, BFloat16* to) {
  std::memcpy(to, x, 32 * sizeof(BFloat16));
}
void take_tile_row(const float* x, BFloat16* to) {
  store_split(load(x), to), store_split(load(x + 16), to + 16);
}

// [16 pairs][16 rows][2] of 32 numbers of a row.
void scatter_pairs(const BFloat16* numbers, int64_t row, BFloat16* tile) {
  for (int64_t pair = 0; pair < 16; ++pair)
    std::memcpy(tile + (pair * kPanel + row) * 2, numbers + 2 * pair, 2 * sizeof(BFloat16));
}

}  // namespace

void take_tile_rows(ConstNumbers numbers, int64_t stride, int64_t count, BFloat16* to, int64_t repeat) {
  numbers.visit([=]<class T>(const T* from) {
    for (int64_t i = 0; i < count; ++i) take_tile_row(from + i / repeat * stride, to + i * (sizeof(T) / 2 * 32));
  });
}

void store_thin_rows(const float* sums, const float* shares, bool split, BFloat16* to, int64_t stride) {
  for (int64_t row = 0; row < kBlockRows; ++row, sums += 32, to += stride) {
    const __m512 share = _mm512_set1_ps(shares[row]);
    const __m512 a = _mm512_mul_ps(load(sums), share), b = _mm512_mul_ps(load(sums + 16), share);
    split ? store_split(a, to) : store(a, to);
    split ? store_split(b, to + 16) : store(b, to + 16);
  }
}

void pack_tile(ConstNumbers rows, int64_t stride, BFloat16* tile) {
  for (int64_t row = 0; row < kPanel; ++row) {
    BFloat16 parts[64];
    take_tile_rows(rows.at(row * stride), 0, 1, parts);
    scatter_pairs(parts, row, rows.bf16() ? tile : tile + kTileNumbers);
    if (!rows.bf16()) scatter_pairs(parts + 32, row, tile);
  }
}

}  // namespace corepulse::kernels
HWY_POP_ATTRIBUTES

#else

namespace corepulse::kernels {
namespace {

template <class T>
void store_row(const TileProduct&, const float*, int64_t, int64_t) {}
template <bool kSplit>
void store_gated_row(const TileProduct&, const float*, int64_t, int64_t) {}

}  // namespace

void take_tile_rows(ConstNumbers, int64_t, int64_t, BFloat16*, int64_t) {}
void pack_tile(ConstNumbers, int64_t, BFloat16*) {}
void store_thin_rows(const float*, const float*, bool, BFloat16*, int64_t) {}

}  // namespace corepulse::kernels
#endif

namespace corepulse::kernels {
namespace {

template <bool kSplit>
void store_rows_of(const TileProduct& p, const BlockSums& block, int64_t begin, int64_t end) {
  using T = std::conditional_t<kSplit, float, BFloat16>;
  for (int64_t r = begin; r < end; ++r) {
    const int64_t result = p.result_of(block.first + r);
    if (result < 0) continue;
    if (p.gated)
      store_gated_row<kSplit>(p, block.sums + r * 32, block.column, result);
    else
      store_row<T>(p, block.sums + r * 32, block.column, result);
  }
}

}  // namespace

void store_rows(const TileProduct& p, const BlockSums& block, int64_t begin, int64_t end) {
  p.w.split ? store_rows_of<true>(p, block, begin, end) : store_rows_of<false>(p, block, begin, end);
}

}  // namespace corepulse::kernels
