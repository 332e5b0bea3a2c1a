// AVX-512 intrinsics beside AMX's tiles, as in attention_tiles.
#include "kernels/tile_product_simd.h"

#include <algorithm>
#include <cstring>

#include "kernels/activation_simd.h"
#include "kernels/tiles.h"

namespace corepulse::kernels {
namespace {

constexpr int64_t kSums = kBlockRows * 32;

/** A worker's memory. */
struct Workspace {
  float *sums, *values, *gates;  // [32][32], [32][16], [32][16]
  BFloat16* tail;                // [32][width]: the last rows, where fewer are left
};

Workspace carve(void* memory) {
  auto* const sums = static_cast<float*>(memory);
  return {sums, sums + kSums, sums + kSums + kSums / 2, reinterpret_cast<BFloat16*>(sums + 2 * kSums)};
}

// sums [32][32] = the block's rows times two panels of weights.
template <class Tiles>
void multiply_block(const TileProduct& p, const BFloat16* x, const BFloat16* left, const BFloat16* right, float* sums) {
  const int64_t stride = p.width * int64_t{sizeof(BFloat16)}, half = 16 * p.width;
  Tiles::template zero<0>(), Tiles::template zero<1>(), Tiles::template zero<2>(), Tiles::template zero<3>();
  for (const int64_t tap : p.taps) {
    const BFloat16 *upper = x + tap * p.width, *lower = upper + half;
    for (int64_t n = 0; n < p.width; n += 32, left += kPanel * 32, right += kPanel * 32) {
      Tiles::template load<4>(upper + n, stride), Tiles::template load<6>(left, kTileBytes);
      Tiles::template multiply<0, 4, 6>();
      Tiles::template load<7>(right, kTileBytes), Tiles::template multiply<1, 4, 7>();
      Tiles::template load<5>(lower + n, stride);
      Tiles::template multiply<2, 5, 6>(), Tiles::template multiply<3, 5, 7>();
    }
  }
  constexpr int64_t kStride = 32 * int64_t{sizeof(float)};
  Tiles::template store<0>(sums, kStride), Tiles::template store<1>(sums + 16, kStride);
  Tiles::template store<2>(sums + 512, kStride), Tiles::template store<3>(sums + 528, kStride);
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

// Of each row 16 values and 16 gates, with their biases.
void split_gates(const TileProduct& p, const float* sums, int64_t column, float* values, float* gates) {
  const float* const bias = p.w.bias;
  const __m512 a = bias ? _mm512_loadu_ps(bias + column) : _mm512_setzero_ps();
  const __m512 g = bias ? _mm512_loadu_ps(bias + p.w.out / 2 + column) : _mm512_setzero_ps();
  for (int64_t row = 0; row < kBlockRows; ++row) {
    _mm512_storeu_ps(values + row * 16, _mm512_add_ps(_mm512_loadu_ps(sums + row * 32), a));
    _mm512_storeu_ps(gates + row * 16, _mm512_add_ps(_mm512_loadu_ps(sums + row * 32 + 16), g));
  }
}

void store_16(const float* from, BFloat16* to) {
  const auto y = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(from)));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), y);
}

}  // namespace
}  // namespace corepulse::kernels
HWY_POP_ATTRIBUTES

#else

namespace corepulse::kernels {
namespace {

void store_row(const TileProduct&, const float*, int64_t, int64_t) {}
void split_gates(const TileProduct&, const float*, int64_t, float*, float*) {}
void store_16(const float*, BFloat16*) {}

}  // namespace
}  // namespace corepulse::kernels
#endif

namespace corepulse::kernels {
namespace {

void store_block(const TileProduct& p, const Workspace& w, int64_t first, int64_t rows, int64_t column) {
  if (p.gated) {
    split_gates(p, w.sums, column, w.values, w.gates);
    multiply_gelu(static_cast<const float*>(w.values), static_cast<const float*>(w.gates), w.sums, kBlockRows * 16);
  }
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t result = p.results.empty() ? first + r : p.results[static_cast<size_t>(first + r)];
    if (result < 0) continue;
    if (p.gated)
      store_16(w.sums + r * 16, p.y + result * (p.w.out / 2) + column);
    else
      store_row(p, w.sums + r * 32, column, result);
  }
}

template <class Tiles>
void run_unit(const TileProduct& p, const TileUnit& u, void* workspace) {
  const Workspace w = carve(workspace);
  const int64_t panel = kPanel * p.w.in, step = p.gated ? 16 : 32;
  Tiles::begin();
  for (int64_t block = u.begin; block < u.end; ++block) {
    const int64_t column = block * step;
    const BFloat16* const left = p.w.weights + column / kPanel * panel;
    const BFloat16* const right = left + (p.gated ? p.w.out / 2 / kPanel * panel : panel);
    for (int64_t first = u.first; first < u.last; first += kBlockRows) {
      const int64_t rows = std::min(kBlockRows, u.last - first);
      const BFloat16* x = p.x + first * p.width;
      if (rows < kBlockRows && p.taps.size() == 1) {
        std::memcpy(w.tail, x, static_cast<size_t>(rows * p.width) * sizeof(BFloat16));
        x = w.tail;
      }
      multiply_block<Tiles>(p, x, left, right, w.sums);
      store_block(p, w, first, rows, column);
    }
  }
  Tiles::end();
}

}  // namespace

int64_t output_blocks(const TileProduct& p) {
  return p.w.out / 32;
}

int64_t worker_bytes(const TileProduct& p) {
  return 2 * kSums * int64_t{sizeof(float)} + kBlockRows * p.width * int64_t{sizeof(BFloat16)};
}

void multiply_unit(const TileProduct& p, const TileUnit& unit, void* workspace, bool plain) {
  plain ? run_unit<PlainTiles>(p, unit, workspace) : run_unit<AmxTiles>(p, unit, workspace);
}

}  // namespace corepulse::kernels
