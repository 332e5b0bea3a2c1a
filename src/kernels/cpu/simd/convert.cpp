// Compiled once per instruction set.
#include "kernels/cpu/simd/convert.h"

#include "kernels/cpu/simd/targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/cpu/simd/convert.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/cpu/simd/math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

template <class From, class To>
HWY_INLINE void convert_all(const From* from, To* to, int64_t n) {
  for_each_vector(n, [&](auto d, int64_t i) HWY_ATTR { store(d, load(d, from + i), to + i); });
}

void HalfToFloat(const Half* from, float* to, int64_t n) {
  convert_all(from, to, n);
}
void HalfToBf16(const Half* from, BFloat16* to, int64_t n) {
  convert_all(from, to, n);
}
void FloatToBf16(const float* from, BFloat16* to, int64_t n) {
  convert_all(from, to, n);
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace corepulse::kernels {

HWY_EXPORT(HalfToFloat);
HWY_EXPORT(HalfToBf16);
HWY_EXPORT(FloatToBf16);

void widen(const Half* from, float* to, int64_t n) {
  HWY_DYNAMIC_DISPATCH(HalfToFloat)(from, to, n);
}
void convert(const Half* from, BFloat16* to, int64_t n) {
  HWY_DYNAMIC_DISPATCH(HalfToBf16)(from, to, n);
}
void convert(const float* from, BFloat16* to, int64_t n) {
  HWY_DYNAMIC_DISPATCH(FloatToBf16)(from, to, n);
}

}  // namespace corepulse::kernels
#endif
