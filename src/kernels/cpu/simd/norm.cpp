// Compiled once per instruction set.
#include "kernels/cpu/simd/norm.h"

#include <cmath>

#include "kernels/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/norm.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

// Two sweeps over a block that stays in the cache: the mean as a distance from the first row, so that a large one costs
// no digits, then the squared distances from it.
template <class D, class T>
HWY_INLINE void channel_moments(D d, const T* x, int64_t rows, int64_t stride, Moments* groups, int64_t first,
                                int64_t group_width) {
  const auto origin = load(d, x);
  auto sum = hn::Zero(d), squares = hn::Zero(d);
  for (int64_t row = 1; row < rows; ++row) sum = hn::Add(sum, hn::Sub(load(d, x + row * stride), origin));
  const auto shift = hn::Mul(sum, hn::Set(d, 1.0f / static_cast<float>(rows)));
  for (int64_t row = 0; row < rows; ++row) {
    const auto distance = hn::Sub(hn::Sub(load(d, x + row * stride), origin), shift);
    squares = hn::MulAdd(distance, distance, squares);
  }
  HWY_ALIGN float lanes[3][hn::MaxLanes(d)];
  hn::Store(origin, d, lanes[0]);
  hn::Store(shift, d, lanes[1]);
  hn::Store(squares, d, lanes[2]);
  for (size_t i = 0; i < hn::Lanes(d); ++i) {
    Moments& group = groups[(first + static_cast<int64_t>(i)) / group_width];
    group = group.merged({static_cast<double>(rows), double{lanes[0][i]} + lanes[1][i], lanes[2][i]});
  }
}

void AddMoments(ConstNumbers x, int64_t rows, int64_t channels, int64_t first, int64_t width,
                Moments* HWY_RESTRICT groups) {
  x.visit([&](auto* from) HWY_ATTR {
    for_each_vector(channels, [&](auto d, int64_t c)
                                  HWY_ATTR { channel_moments(d, from + c, rows, channels, groups, first + c, width); });
  });
}

template <bool kSilu, class D, class T>
HWY_INLINE void normalize_vector(D d, const T* x, T* y, const ChannelAffine& a, int64_t c) {
  auto v = hn::Sub(load(d, x + c), hn::LoadU(d, a.mean + c));
  v = hn::Sub(v, hn::LoadU(d, a.mean_rest + c));
  v = hn::MulAdd(v, hn::LoadU(d, a.scale + c), hn::LoadU(d, a.shift + c));
  if (kSilu) v = hn::Mul(v, sigmoid(d, v));
  store(d, v, y + c);
}

template <bool kSilu, class T>
HWY_INLINE void normalize_all(const T* HWY_RESTRICT x, T* HWY_RESTRICT y, int64_t rows, int64_t channels,
                              int64_t stride, const ChannelAffine& a) {
  for (int64_t row = 0; row < rows; ++row, x += channels, y += stride)
    for_each_vector(channels, [&](auto d, int64_t c) HWY_ATTR { normalize_vector<kSilu>(d, x, y, a, c); });
}

void NormalizeChannels(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, int64_t stride,
                       const ChannelAffine& affine, bool silu) {
  y.visit([&]<class T>(T* to) HWY_ATTR {
    const auto* from = static_cast<const T*>(x.data());
    silu ? normalize_all<true>(from, to, rows, channels, stride, affine)
         : normalize_all<false>(from, to, rows, channels, stride, affine);
  });
}

// Sum of f(x - origin) over a row. Four partial sums keep the additions independent and the rounding small.
template <bool kSquare, class T>
HWY_INLINE double sum_distances(const T* HWY_RESTRICT x, int64_t n, double origin) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  const float high = static_cast<float>(origin), low = static_cast<float>(origin - high);
  const auto origin_high = hn::Set(d, high), origin_low = hn::Set(d, low);
  hn::Vec<decltype(d)> sum[4] = {hn::Zero(d), hn::Zero(d), hn::Zero(d), hn::Zero(d)};
  const auto add = [&](auto& total, int64_t i) HWY_ATTR {
    const auto v = hn::Sub(hn::Sub(load(d, x + i), origin_high), origin_low);
    total = kSquare ? hn::MulAdd(v, v, total) : hn::Add(total, v);
  };
  int64_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    for (int64_t k = 0; k < 4; ++k) add(sum[k], i + k * lanes);
  }
  for (; i + lanes <= n; i += lanes) add(sum[0], i);
  const auto all = hn::Add(hn::Add(sum[0], sum[1]), hn::Add(sum[2], sum[3]));
  double result = hn::GetLane(hn::SumOfLanes(d, all));
  for (; i < n; ++i) {
    const double v = value(x[i]) - origin;
    result += kSquare ? v * v : v;
  }
  return result;
}

template <class T>
HWY_INLINE void normalize_each_row(const T* HWY_RESTRICT x, T* HWY_RESTRICT y, int64_t rows, int64_t channels,
                                   const float* HWY_RESTRICT weight, const float* HWY_RESTRICT bias, float eps) {
  const double n = static_cast<double>(channels);
  for (int64_t row = 0; row < rows; ++row, x += channels, y += channels) {
    const double first = value(x[0]), mean = first + sum_distances<false>(x, channels, first) / n;
    const double variance = sum_distances<true>(x, channels, mean) / n;
    const float rate = static_cast<float>(1.0 / std::sqrt(variance + eps));
    const float high = static_cast<float>(mean), low = static_cast<float>(mean - high);
    const auto normalize = [&](auto tag, int64_t c) HWY_ATTR {
      const auto v = hn::Sub(hn::Sub(load(tag, x + c), hn::Set(tag, high)), hn::Set(tag, low));
      const auto scale = hn::Mul(hn::Set(tag, rate), hn::LoadU(tag, weight + c));
      store(tag, hn::MulAdd(v, scale, hn::LoadU(tag, bias + c)), y + c);
    };
    for_each_vector(channels, normalize);
  }
}

void NormalizeRows(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, const float* weight, const float* bias,
                   float eps) {
  y.visit([&]<class T>(T* to)
              HWY_ATTR { normalize_each_row(static_cast<const T*>(x.data()), to, rows, channels, weight, bias, eps); });
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(AddMoments);
HWY_EXPORT(NormalizeChannels);
HWY_EXPORT(NormalizeRows);

void add_moments(ConstNumbers x, int64_t rows, int64_t channels, int64_t first, int64_t width, Moments* groups) {
  HWY_DYNAMIC_DISPATCH(AddMoments)(x, rows, channels, first, width, groups);
}

void normalize_channels(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, int64_t stride,
                        const ChannelAffine& affine, bool silu) {
  HWY_DYNAMIC_DISPATCH(NormalizeChannels)(x, y, rows, channels, stride, affine, silu);
}

void normalize_rows(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, const float* weight, const float* bias,
                    float eps) {
  HWY_DYNAMIC_DISPATCH(NormalizeRows)(x, y, rows, channels, weight, bias, eps);
}

}  // namespace corepulse::kernels
#endif
