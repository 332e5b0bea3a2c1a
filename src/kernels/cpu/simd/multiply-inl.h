// The product kernel of linear and Winograd: rows of numbers times packed weights, with the sums in registers. Included
// once per instruction set: no #pragma once.
#if defined(COREPULSE_KERNELS_MULTIPLY_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COREPULSE_KERNELS_MULTIPLY_INL_H_
#undef COREPULSE_KERNELS_MULTIPLY_INL_H_
#else
#define COREPULSE_KERNELS_MULTIPLY_INL_H_
#endif

#include <cstdint>
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

using Floats = hn::ScalableTag<float>;
using Vector = hn::Vec<Floats>;

constexpr int64_t kLanes = static_cast<int64_t>(HWY_LANES(float));
constexpr int64_t kBlock = 2 * kLanes;  // columns of a block of packed weights
// Rows of two sums that fill the registers, with two vectors of weights and one number of the source beside them.
#if HWY_TARGET <= HWY_AVX3 || HWY_TARGET == HWY_NEON
constexpr int64_t kRows = 12;
#else
constexpr int64_t kRows = 6;
#endif

// sums [kCount][kVectors] (+)= values [kCount rows, `stride` apart][channels] weights [channels][kVectors]. The
// products of a call are summed from zero and then added: fewer additions to large numbers, fewer digits lost.
template <int64_t kCount, int64_t kVectors>
HWY_INLINE void multiply(const float* HWY_RESTRICT values, int64_t stride, int64_t channels,
                         const float* HWY_RESTRICT weights, bool first, float* HWY_RESTRICT sums) {
  const Floats f;
  Vector sum[kCount][kVectors];
  HWY_UNROLL(12)
  for (int64_t i = 0; i < kCount; ++i) {
    HWY_UNROLL(2)
    for (int64_t v = 0; v < kVectors; ++v) sum[i][v] = hn::Zero(f);
  }
  for (int64_t c = 0; c < channels; ++c, weights += kVectors * kLanes) {
    Vector weight[kVectors];
    HWY_UNROLL(2)
    for (int64_t v = 0; v < kVectors; ++v) weight[v] = hn::Load(f, weights + v * kLanes);
    HWY_UNROLL(12)
    for (int64_t i = 0; i < kCount; ++i) {
      const auto value = hn::Set(f, values[i * stride + c]);
      HWY_UNROLL(2)
      for (int64_t v = 0; v < kVectors; ++v) sum[i][v] = hn::MulAdd(value, weight[v], sum[i][v]);
    }
  }
  HWY_UNROLL(12)
  for (int64_t i = 0; i < kCount; ++i) {
    HWY_UNROLL(2)
    for (int64_t v = 0; v < kVectors; ++v) {
      float* const at = sums + (i * kVectors + v) * kLanes;
      hn::Store(first ? sum[i][v] : hn::Add(sum[i][v], hn::Load(f, at)), f, at);
    }
  }
}

// The same for any number of rows. Every sum is made in the order of its channels, whichever kernel makes it.
template <int64_t kVectors>
void multiply_rows(const float* values, int64_t stride, int64_t rows, int64_t channels, const float* weights,
                   bool first, float* sums) {
  constexpr int64_t width = kVectors * kLanes;
  int64_t i = 0;
  for (; i + kRows <= rows; i += kRows)
    multiply<kRows, kVectors>(values + i * stride, stride, channels, weights, first, sums + i * width);
  for (; i + 4 <= rows; i += 4)
    multiply<4, kVectors>(values + i * stride, stride, channels, weights, first, sums + i * width);
  for (; i < rows; ++i) multiply<1, kVectors>(values + i * stride, stride, channels, weights, first, sums + i * width);
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
