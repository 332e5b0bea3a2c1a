// Compiled once per instruction set.
#include "kernels/cpu/simd/activation.h"

#include "kernels/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/activation.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

// y[i] = f(x[i]) in either type of number.
template <class F>
HWY_INLINE void map(ConstNumbers x, Numbers y, int64_t n, F f) {
  y.visit([&]<class T>(T* to) HWY_ATTR {
    const T* from = static_cast<const T*>(x.data());
    for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR { store(d, f(d, load(d, from + i)), to + i); });
  });
}

void Silu(ConstNumbers x, Numbers y, int64_t n) {
  map(x, y, n, [](auto d, auto v) HWY_ATTR { return hn::Mul(v, sigmoid(d, v)); });
}

void QuickGelu(ConstNumbers x, Numbers y, int64_t n) {
  map(x, y, n, [](auto d, auto v) HWY_ATTR { return hn::Mul(v, sigmoid(d, hn::Mul(v, hn::Set(d, 1.702f)))); });
}

void Gelu(ConstNumbers x, Numbers y, int64_t n) {
  map(x, y, n, [](auto d, auto v) HWY_ATTR { return gelu(d, v); });
}

// y[i] = f(a[i], b[i]).
template <class F>
HWY_INLINE void map2(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n, F f) {
  y.visit([&]<class T>(T* to) HWY_ATTR {
    const T *left = static_cast<const T*>(a.data()), *right = static_cast<const T*>(b.data());
    for_each_vector(n,
                    [&](auto d, int64_t i) HWY_ATTR { store(d, f(d, load(d, left + i), load(d, right + i)), to + i); });
  });
}

void MultiplyGelu(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n) {
  map2(a, b, y, n, [](auto d, auto u, auto v) HWY_ATTR { return hn::Mul(u, gelu(d, v)); });
}

void Sum(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n) {
  map2(a, b, y, n, [](auto, auto u, auto v) HWY_ATTR { return hn::Add(u, v); });
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(Silu);
HWY_EXPORT(QuickGelu);
HWY_EXPORT(Gelu);
HWY_EXPORT(MultiplyGelu);
HWY_EXPORT(Sum);

void activate(Activation f, ConstNumbers x, Numbers y, int64_t n) {
  switch (f) {
    case Activation::silu:
      return HWY_DYNAMIC_DISPATCH(Silu)(x, y, n);
    case Activation::gelu:
      return HWY_DYNAMIC_DISPATCH(Gelu)(x, y, n);
    case Activation::quick_gelu:
      return HWY_DYNAMIC_DISPATCH(QuickGelu)(x, y, n);
  }
}

void multiply_gelu(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(MultiplyGelu)(a, b, y, n);
}

void sum(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n) {
  HWY_DYNAMIC_DISPATCH(Sum)(a, b, y, n);
}

}  // namespace corepulse::kernels
#endif
