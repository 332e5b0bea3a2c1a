// AVX-512 intrinsics beside AMX's tiles, as in attention_tiles.
#include "kernels/tile_product_simd.h"

#include <algorithm>
#include <cstring>

#include "kernels/gelu_tail.h"
#include "kernels/tiles.h"

namespace corepulse::kernels {
namespace {

constexpr int64_t kSums = kBlockRows * 32, kSumsPitch = 32 * int64_t{sizeof(float)};

// Products that a block of sums takes before the next block's turn: so many tiles of weights fit the first level cache.
constexpr int64_t kSteps = 18;

// Sums [32][32] of a block.
template <class Tiles>
void load_sums(const float* sums) {
  Tiles::template load<0>(sums, kSumsPitch), Tiles::template load<1>(sums + 16, kSumsPitch);
  Tiles::template load<2>(sums + 512, kSumsPitch), Tiles::template load<3>(sums + 528, kSumsPitch);
}

template <class Tiles>
void store_sums(float* sums) {
  Tiles::template store<0>(sums, kSumsPitch), Tiles::template store<1>(sums + 16, kSumsPitch);
  Tiles::template store<2>(sums + 512, kSumsPitch), Tiles::template store<3>(sums + 528, kSumsPitch);
}

template <class Tiles>
void zero_sums() {
  Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
}

// 32 rows, `stride` bytes apart, by 32 outputs: 32 products of each.
template <class Tiles>
[[gnu::always_inline]] inline void multiply_step(const BFloat16* x, int64_t stride, const BFloat16* left,
                                                 const BFloat16* right) {
  const BFloat16* const lower = x + kTileRows * stride / int64_t{sizeof(BFloat16)};
  Tiles::template load<4>(x, stride), Tiles::template load<6>(left, kTileBytes);
  Tiles::template multiply<0, 4, 6>();
  Tiles::template load<7>(right, kTileBytes), Tiles::template multiply<1, 4, 7>();
  Tiles::template load<5>(lower, stride);
  Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
}

}  // namespace
}  // namespace corepulse::kernels

#if defined(__x86_64__)
#include <hwy/base.h>
#include <immintrin.h>

HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16")
namespace corepulse::kernels {
namespace {

[[gnu::always_inline]] inline __m512 widened(const BFloat16* p) {
  const __m256i bits = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return _mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(bits), 16));
}

// 32 sums of a row to y, with what is added to them.
void store_row(const TileProduct& p, const float* sums, int64_t column, int64_t result) {
  __m512 a = _mm512_loadu_ps(sums), b = _mm512_loadu_ps(sums + 16);
  const auto add = [&](__m512 left, __m512 right) { a = _mm512_add_ps(a, left), b = _mm512_add_ps(b, right); };
  if (p.w.bias) add(_mm512_loadu_ps(p.w.bias + column), _mm512_loadu_ps(p.w.bias + column + 16));
  if (p.per_picture) {
    const BFloat16* const q =
        p.per_picture + static_cast<uint32_t>(result) / static_cast<uint32_t>(p.pixels) * p.w.out + column;
    add(widened(q), widened(q + 16));
  }
  const int64_t at = result * p.w.out + column;
  if (p.added) add(widened(p.added + at), widened(p.added + at + 16));
  const auto y = reinterpret_cast<__m512i>(_mm512_cvtne2ps_pbh(b, a));
  _mm512_storeu_si512(p.y + at, y);
}

template <int kCount>
[[gnu::always_inline]] inline __m512 horner(__m512 x, const float (&c)[kCount]) {
  __m512 sum = _mm512_set1_ps(c[kCount - 1]);
  for (int i = kCount - 2; i >= 0; --i) sum = _mm512_fmadd_ps(sum, x, _mm512_set1_ps(c[i]));
  return sum;
}

// x Phi(x) as in simd_math-inl.h, for a result that is rounded to bfloat16: relative error below 1e-4, by the
// reciprocal's 14 bits and 2^f on [0, 1) to 3e-6.
[[gnu::always_inline]] inline __m512 gelu(__m512 x) {
  constexpr float e[] = {1.0f, 0.69304489f, 0.24127987f, 0.05224319f, 0.01342624f};
  constexpr int kFraction = 1;  // _mm512_reduce_ps: x - floor(x)
  const __m512 a = _mm512_min_ps(_mm512_abs_ps(x), _mm512_set1_ps(16));
  const __m512 t = _mm512_mul_ps(_mm512_mul_ps(a, a), _mm512_set1_ps(-0.72134752f));  // log2 of e^(-a^2/2)
  const __m512 bell = _mm512_scalef_ps(horner(_mm512_reduce_ps(t, kFraction), e), t);
  const __m512 tail = _mm512_mul_ps(bell, _mm512_mul_ps(horner(a, kTailOver), _mm512_rcp14_ps(horner(a, kTailUnder))));
  const __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GE_OQ);
  return _mm512_mul_ps(x, _mm512_mask_sub_ps(tail, positive, _mm512_set1_ps(1), tail));
}

// 16 values and 16 gates of a row to y.
void store_gated_row(const TileProduct& p, const float* sums, int64_t column, int64_t result) {
  const int64_t width = p.w.out / 2;
  __m512 a = _mm512_loadu_ps(sums), g = _mm512_loadu_ps(sums + 16);
  if (p.w.bias) {
    a = _mm512_add_ps(a, _mm512_loadu_ps(p.w.bias + column));
    g = _mm512_add_ps(g, _mm512_loadu_ps(p.w.bias + width + column));
  }
  const auto y = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_mul_ps(a, gelu(g))));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p.y + result * width + column), y);
}

}  // namespace
}  // namespace corepulse::kernels
HWY_POP_ATTRIBUTES

#else

namespace corepulse::kernels {
namespace {

void store_row(const TileProduct&, const float*, int64_t, int64_t) {}
void store_gated_row(const TileProduct&, const float*, int64_t, int64_t) {}

}  // namespace
}  // namespace corepulse::kernels
#endif

namespace corepulse::kernels {
namespace {

void store_block(const TileProduct& p, const float* sums, int64_t first, int64_t rows, int64_t column) {
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t result = p.results.empty() ? first + r : p.results[static_cast<size_t>(first + r)];
    if (result < 0) continue;
    p.gated ? store_gated_row(p, sums + r * 32, column, result) : store_row(p, sums + r * 32, column, result);
  }
}

/** The two panels of weights of a block of outputs. */
struct Panels {
  const BFloat16 *left, *right;
};

Panels panels(const TileProduct& p, int64_t block) {
  const int64_t panel = kPanel * p.w.in;
  const BFloat16* const left = p.w.weights + block * panel * (p.gated ? 1 : 2);
  return {left, left + (p.gated ? p.w.out / 2 / kPanel * panel : panel)};
}

// The rows of a block pass all weights of the unit.
template <class Tiles>
void run_rows(const TileProduct& p, const TileUnit& u, float* sums, BFloat16* tail) {
  const int64_t stride = p.width * int64_t{sizeof(BFloat16)}, step = p.gated ? 16 : 32;
  for (int64_t first = u.first; first < u.last; first += kBlockRows) {
    const int64_t rows = std::min(kBlockRows, u.last - first);
    const BFloat16* x = p.x + first * p.width;
    if (rows < kBlockRows) {
      std::memcpy(tail, x, static_cast<size_t>(rows * stride));
      x = tail;
    }
    for (int64_t block = u.begin; block < u.end; ++block) {
      const auto [left, right] = panels(p, block);
      zero_sums<Tiles>();
      for (int64_t n = 0; n < p.width; n += 32)
        multiply_step<Tiles>(x + n, stride, left + n * kPanel, right + n * kPanel);
      store_sums<Tiles>(sums);
      store_block(p, sums, first, rows, block * step);
    }
  }
}

// The weights of a block of outputs, kSteps tiles at a time, pass all rows of the unit, whose sums wait in memory.
template <class Tiles>
void run_planes(const TileProduct& p, const TileUnit& u, float* sums) {
  const auto taps = static_cast<int64_t>(p.taps.size()), steps = p.width / 32 * taps;
  for (int64_t block = u.begin; block < u.end; ++block) {
    const auto [left, right] = panels(p, block);
    for (int64_t begin = 0; begin < steps; begin += kSteps) {
      const int64_t end = std::min(begin + kSteps, steps);
      for (int64_t first = u.first; first < u.last; first += kBlockRows) {
        float* const block_sums = sums + (first - u.first) * 32;
        begin ? load_sums<Tiles>(block_sums) : zero_sums<Tiles>();
        int64_t n = begin / taps, tap = begin % taps;
        for (int64_t k = begin; k < end; ++k) {
          const BFloat16* const x = p.x + (n * p.plane + first + p.taps[static_cast<size_t>(tap)]) * 32;
          multiply_step<Tiles>(x, kTileBytes, left + k * kPanel * 32, right + k * kPanel * 32);
          if (++tap == taps) tap = 0, ++n;
        }
        store_sums<Tiles>(block_sums);
        if (end == steps) store_block(p, block_sums, first, std::min(kBlockRows, u.last - first), block * 32);
      }
    }
  }
}

template <class Tiles>
void run_unit(const TileProduct& p, const TileUnit& u, void* workspace) {
  auto* const sums = static_cast<float*>(workspace);
  Tiles::begin();
  p.plane ? run_planes<Tiles>(p, u, sums) : run_rows<Tiles>(p, u, sums, reinterpret_cast<BFloat16*>(sums + kSums));
  Tiles::end();
}

}  // namespace

int64_t output_blocks(const TileProduct& p) {
  return p.w.out / 32;
}

int64_t worker_bytes(const TileProduct& p, int64_t rows) {
  if (p.plane) return rows * kSumsPitch;
  return kSums * int64_t{sizeof(float)} + kBlockRows * p.width * int64_t{sizeof(BFloat16)};
}

void multiply_unit(const TileProduct& p, const TileUnit& unit, void* workspace, bool plain) {
  plain ? run_unit<PlainTiles>(p, unit, workspace) : run_unit<AmxTiles>(p, unit, workspace);
}

}  // namespace corepulse::kernels
