// Compiled once per instruction set. Lavin and Gray (2016): a 4x4 tile of the result is A^T [(G g G^T) .* (B^T d B)] A
// for the 6x6 piece d of the source and the 3x3 weights g; products of all channels are summed before the last
// transform, so the sums are 36 matrix products. The polynomials meet at 0, +-5/8, +-3/2 and infinity: a third of the
// rounding error of the usual 0, +-1, +-2, and every constant but those of G is exact.
#include "kernels/cpu/simd/winograd.h"

#include <algorithm>
#include <array>

#include "kernels/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/winograd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"
#include "kernels/cpu/simd/multiply-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

constexpr float kA = 0.625f, kB = 1.5f;
constexpr float kA2 = kA * kA, kB2 = kB * kB;

// B^T d.
HWY_INLINE void transform_source(const Vector (&d)[6], Vector (&r)[6]) {
  const Floats f;
  const auto a2 = hn::Set(f, kA2), b2 = hn::Set(f, kB2), product = hn::Set(f, kA2 * kB2), sum = hn::Set(f, kA2 + kB2);
  r[0] = hn::MulAdd(product, d[0], hn::NegMulAdd(sum, d[2], d[4]));
  const auto even_a = hn::NegMulAdd(b2, d[2], d[4]), odd_a = hn::NegMulAdd(b2, d[1], d[3]);
  r[1] = hn::MulAdd(hn::Set(f, kA), odd_a, even_a);
  r[2] = hn::NegMulAdd(hn::Set(f, kA), odd_a, even_a);
  const auto even_b = hn::NegMulAdd(a2, d[2], d[4]), odd_b = hn::NegMulAdd(a2, d[1], d[3]);
  r[3] = hn::MulAdd(hn::Set(f, kB), odd_b, even_b);
  r[4] = hn::NegMulAdd(hn::Set(f, kB), odd_b, even_b);
  r[5] = hn::MulAdd(product, d[1], hn::NegMulAdd(sum, d[3], d[5]));
}

// G g.
HWY_INLINE void transform_weights(const Vector (&g)[3], Vector (&r)[6]) {
  const Floats f;
  constexpr float scale_0 = 1 / (kA2 * kB2), scale_a = 1 / (2 * kA2 * (kA2 - kB2)),
                  scale_b = 1 / (2 * kB2 * (kB2 - kA2));
  r[0] = hn::Mul(g[0], hn::Set(f, scale_0));
  const auto even_a = hn::MulAdd(g[2], hn::Set(f, kA2 * scale_a), hn::Mul(g[0], hn::Set(f, scale_a)));
  r[1] = hn::MulAdd(g[1], hn::Set(f, kA * scale_a), even_a);
  r[2] = hn::NegMulAdd(g[1], hn::Set(f, kA * scale_a), even_a);
  const auto even_b = hn::MulAdd(g[2], hn::Set(f, kB2 * scale_b), hn::Mul(g[0], hn::Set(f, scale_b)));
  r[3] = hn::MulAdd(g[1], hn::Set(f, kB * scale_b), even_b);
  r[4] = hn::NegMulAdd(g[1], hn::Set(f, kB * scale_b), even_b);
  r[5] = g[2];
}

// A^T m.
HWY_INLINE void transform_sums(const Vector (&m)[6], Vector (&r)[4]) {
  const Floats f;
  const auto sum_a = hn::Add(m[1], m[2]), difference_a = hn::Sub(m[1], m[2]);
  const auto sum_b = hn::Add(m[3], m[4]), difference_b = hn::Sub(m[3], m[4]);
  r[0] = hn::Add(m[0], hn::Add(sum_a, sum_b));
  r[1] = hn::MulAdd(hn::Set(f, kB), difference_b, hn::Mul(hn::Set(f, kA), difference_a));
  r[2] = hn::MulAdd(hn::Set(f, kB2), sum_b, hn::Mul(hn::Set(f, kA2), sum_a));
  r[3] = hn::MulAdd(hn::Set(f, kB2 * kB), difference_b, hn::MulAdd(hn::Set(f, kA2 * kA), difference_a, m[5]));
}

int64_t WinogradBlock() {
  return kBlock;
}

/** Where a tile's 6x6 pixels lie: in the source, or the zeros around it. */
using Pixels = std::array<const float*, kPoints>;

struct TilePlace {
  int64_t row, y, x;  // of the batch; of the result's first pixel
};

TilePlace place_of(const WinogradShape& s, int64_t tile) {
  const int64_t column = tile % s.tile_columns(), row = tile / s.tile_columns();
  return {row / s.tile_rows(), row % s.tile_rows() * kTileOut, column * kTileOut};
}

Pixels pixels_of(const WinogradShape& s, const float* source, int64_t tile, const float* zeros) {
  const auto place = place_of(s, tile);
  Pixels pixels;
  for (int64_t i = 0; i < kPoints; ++i) {
    const int64_t y = place.y - s.top + i / kTileIn, x = place.x - s.left + i % kTileIn;
    const bool inside = y >= 0 && y < s.height && x >= 0 && x < s.width;
    const int64_t pixel = (place.row * s.source_height() + y / s.scale) * s.source_width() + x / s.scale;
    pixels[static_cast<size_t>(i)] = inside ? source + pixel * s.in : zeros;
  }
  return pixels;
}

// One vector of channels of one tile; `to` has a vector for each point, `stride` floats apart.
HWY_INLINE void source_vector(const Pixels& pixels, const int64_t (&step)[kPoints], int64_t c, float* HWY_RESTRICT to,
                              int64_t stride) {
  const Floats f;
  Vector half[6][6];  // [column of the result][row of d]
  for (int64_t i = 0; i < 6; ++i) {
    Vector d[6], r[6];
    for (int64_t j = 0; j < 6; ++j) d[j] = hn::LoadU(f, pixels[static_cast<size_t>(6 * i + j)] + c * step[6 * i + j]);
    transform_source(d, r);
    for (int64_t j = 0; j < 6; ++j) half[j][i] = r[j];
  }
  for (int64_t j = 0; j < 6; ++j) {
    Vector r[6];
    transform_source(half[j], r);
    for (int64_t i = 0; i < 6; ++i) hn::Store(r[i], f, to + (6 * i + j) * stride);
  }
}

void WinogradSource(const WinogradShape& s, const float* source, int64_t tile, float* values, int64_t tiles,
                    int64_t place) {
  alignas(64) constexpr float zeros[16] = {};
  const auto pixels = pixels_of(s, source, tile, zeros);
  int64_t step[kPoints];  // 0 stays on the same zeros
  for (int64_t i = 0; i < kPoints; ++i) step[i] = pixels[static_cast<size_t>(i)] == zeros ? 0 : 1;
  const int64_t chunk = s.chunk();
  for (int64_t first = 0; first < s.in; first += chunk) {
    const int64_t width = std::min(chunk, s.in - first);  // the last chunk is as wide as what is left
    for (int64_t c = 0; c < width; c += kLanes)
      source_vector(pixels, step, first + c, values + place * width + c, point_stride(tiles * width));
    values += kPoints * point_stride(tiles * width);
  }
}

// transformed [kPoints][channels][kVectors] of packed [channels][9][kVectors].
template <int64_t kVectors, class T>
void weights_of_chunk(const T* HWY_RESTRICT packed, int64_t channels, float* HWY_RESTRICT transformed) {
  const Floats f;
  constexpr int64_t width = kVectors * kLanes;
  const int64_t stride = point_stride(channels * width);
  for (int64_t c = 0; c < channels; ++c, packed += 9 * width) {
    for (int64_t v = 0; v < width; v += kLanes) {
      Vector half[6][3];
      for (int64_t j = 0; j < 3; ++j) {
        const Vector g[3] = {load(f, packed + j * width + v), load(f, packed + (3 + j) * width + v),
                             load(f, packed + (6 + j) * width + v)};
        Vector r[6];
        transform_weights(g, r);
        for (int64_t i = 0; i < 6; ++i) half[i][j] = r[i];
      }
      for (int64_t i = 0; i < 6; ++i) {
        Vector r[6];
        transform_weights(half[i], r);
        for (int64_t j = 0; j < 6; ++j) hn::Store(r[j], f, transformed + (6 * i + j) * stride + c * width + v);
      }
    }
  }
}

// One vector of one pixel, with what is added.
HWY_INLINE void store_pixel(Vector y, const WinogradShape& s, const TilePlace& place, int64_t pixel, int64_t channel,
                            const ConvAddends& add, float* out) {
  const Floats f;
  const int64_t at = pixel * s.out + channel;
  if (add.scales) y = hn::Mul(y, hn::LoadU(f, add.scales + channel));
  if (add.bias) y = hn::Add(y, hn::LoadU(f, add.bias + channel));
  if (add.row_bias) y = hn::Add(y, hn::LoadU(f, add.row_bias + place.row * s.out + channel));
  if (add.residual) y = hn::Add(y, hn::LoadU(f, add.residual + at));
  hn::StoreU(y, f, out + at);
}

// sums: a vector for each point, `stride` floats apart.
void result_vector(const WinogradShape& s, const TilePlace& place, const float* HWY_RESTRICT sums, int64_t stride,
                   int64_t channel, const ConvAddends& add, float* out) {
  const Floats f;
  Vector half[4][6];
  for (int64_t j = 0; j < 6; ++j) {
    Vector m[6], r[4];
    for (int64_t i = 0; i < 6; ++i) m[i] = hn::Load(f, sums + (6 * i + j) * stride);
    transform_sums(m, r);
    for (int64_t i = 0; i < 4; ++i) half[i][j] = r[i];
  }
  const int64_t rows = std::min(kTileOut, s.out_height - place.y), columns = std::min(kTileOut, s.out_width - place.x);
  for (int64_t i = 0; i < rows; ++i) {
    Vector r[4];
    transform_sums(half[i], r);
    const int64_t pixel = (place.row * s.out_height + place.y + i) * s.out_width + place.x;
    for (int64_t j = 0; j < columns; ++j) store_pixel(r[j], s, place, pixel + j, channel, add, out);
  }
}

template <int64_t kVectors, class T>
void block_result(const WinogradShape& s, const WinogradUnit& u, const T* packed, const ConvAddends& add, float* out) {
  constexpr int64_t width = kVectors * kLanes;
  const int64_t channel = u.block * kBlock, sums_stride = point_stride(u.count * width);
  float* const transformed = u.workspace;
  float* const sums = transformed + kPoints * point_stride(s.chunk() * kBlock);
  const float* values = u.values;
  packed += channel * 9 * s.in;
  for (int64_t first = 0; first < s.in; first += s.chunk()) {
    const int64_t channels = std::min(s.chunk(), s.in - first);
    weights_of_chunk<kVectors>(packed + first * 9 * width, channels, transformed);
    for (int64_t point = 0; point < kPoints; ++point)
      multiply_rows<kVectors>(values + point * point_stride(u.tiles * channels) + u.place * channels, channels, u.count,
                              channels, transformed + point * point_stride(channels * width), first == 0,
                              sums + point * sums_stride);
    values += kPoints * point_stride(u.tiles * channels);
  }
  for (int64_t i = 0; i < u.count; ++i) {
    const auto place = place_of(s, u.first + i);
    for (int64_t v = 0; v < width; v += kLanes)
      result_vector(s, place, sums + i * width + v, sums_stride, channel + v, add, out);
  }
}

template <class T>
void block_of(const WinogradShape& s, const WinogradUnit& u, const T* packed, const ConvAddends& add, float* out) {
  if (s.out - u.block * kBlock >= kBlock)
    block_result<2>(s, u, packed, add, out);
  else
    block_result<1>(s, u, packed, add, out);
}

void WinogradResult(const WinogradShape& s, const WinogradUnit& u, const ConvAddends& add, float* out) {
  u.packed.visit([&](auto* packed) HWY_ATTR { block_of(s, u, packed, add, out); });
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(WinogradBlock);
HWY_EXPORT(WinogradSource);
HWY_EXPORT(WinogradResult);

int64_t winograd_block() {
  return HWY_DYNAMIC_DISPATCH(WinogradBlock)();
}

int64_t winograd_values(const WinogradShape& shape, int64_t tiles) {
  return kPoints * (shape.chunks() * point_stride(0) + tiles * shape.in);
}

int64_t winograd_workspace(const WinogradShape& shape, int64_t tiles) {
  return kPoints * (point_stride(winograd_block() * shape.chunk()) + point_stride(winograd_block() * tiles));
}

void winograd_source(const WinogradShape& shape, const float* source, int64_t tile, float* values, int64_t tiles,
                     int64_t place) {
  HWY_DYNAMIC_DISPATCH(WinogradSource)(shape, source, tile, values, tiles, place);
}

void winograd_result(const WinogradShape& shape, const WinogradUnit& unit, const ConvAddends& add, float* out) {
  HWY_DYNAMIC_DISPATCH(WinogradResult)(shape, unit, add, out);
}

}  // namespace corepulse::kernels
#endif
