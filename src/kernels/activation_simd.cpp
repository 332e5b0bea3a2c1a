// Compiled once per instruction set.
#include "kernels/activation_simd.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/activation_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

// The rest of fewer than a vector's elements goes one by one through the same formula.
template <class F>
HWY_INLINE void for_each_vector(int64_t n, F f) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) f(one, i);
}

void Silu(const float* HWY_RESTRICT x, float* HWY_RESTRICT y, int64_t n) {
  for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(hn::Mul(v, sigmoid(d, v)), d, y + i);
  });
}

void QuickGelu(const float* HWY_RESTRICT x, float* HWY_RESTRICT y, int64_t n) {
  for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR {
    const auto v = hn::LoadU(d, x + i);
    hn::StoreU(hn::Mul(v, sigmoid(d, hn::Mul(v, hn::Set(d, 1.702f)))), d, y + i);
  });
}

void Gelu(const float* HWY_RESTRICT x, float* HWY_RESTRICT y, int64_t n) {
  for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR { hn::StoreU(gelu(d, hn::LoadU(d, x + i)), d, y + i); });
}

void MultiplyGelu(const float* HWY_RESTRICT a, const float* HWY_RESTRICT b, float* HWY_RESTRICT y, int64_t n) {
  for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR {
    hn::StoreU(hn::Mul(hn::LoadU(d, a + i), gelu(d, hn::LoadU(d, b + i))), d, y + i);
  });
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(Silu);
HWY_EXPORT(QuickGelu);
HWY_EXPORT(Gelu);
HWY_EXPORT(MultiplyGelu);

void activate(Activation f, const float* x, float* y, int64_t n) {
  switch (f) {
    case Activation::silu:
      return HWY_DYNAMIC_DISPATCH(Silu)(x, y, n);
    case Activation::gelu:
      return HWY_DYNAMIC_DISPATCH(Gelu)(x, y, n);
    case Activation::quick_gelu:
      return HWY_DYNAMIC_DISPATCH(QuickGelu)(x, y, n);
  }
}

void multiply_gelu(const float* a, const float* b, float* y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(MultiplyGelu)(a, b, y, n);
}

}  // namespace corepulse::kernels
#endif
