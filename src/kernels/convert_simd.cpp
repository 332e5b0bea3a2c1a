// Compiled once per instruction set.
#include "kernels/convert_simd.h"

#include "kernels/simd_targets.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/convert_simd.cpp"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "kernels/simd_math-inl.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {

// Highway's own widening of float16 is right for infinities and NaN only where the processor has an instruction for it.
// Every number is exact, subnormal ones too.
template <class D>
HWY_INLINE hn::Vec<D> any(D d, const Half* p) {
  const hn::RebindToUnsigned<D> du;
  const auto bits = hn::PromoteTo(du, hn::LoadU(hn::Rebind<uint16_t, D>(), reinterpret_cast<const uint16_t*>(p)));
  const auto sign = hn::ShiftLeft<16>(hn::And(bits, hn::Set(du, 0x8000)));
  const auto magnitude = hn::ShiftLeft<13>(hn::And(bits, hn::Set(du, 0x7fff)));
  const auto rebased = hn::Add(magnitude, hn::Set(du, 112u << 23));
  const auto infinite = hn::Gt(magnitude, hn::Set(du, (0x7c00u << 13) - 1));  // and NaN: exponent 255
  const auto normal = hn::IfThenElse(infinite, hn::Add(rebased, hn::Set(du, 112u << 23)), rebased);
  const auto base = hn::BitCast(d, hn::Set(du, 113u << 23));
  const auto subnormal = hn::Sub(hn::BitCast(d, hn::Add(magnitude, hn::Set(du, 113u << 23))), base);
  const auto small = hn::Lt(magnitude, hn::Set(du, 1u << 23));
  return hn::BitCast(d, hn::Or(sign, hn::IfThenElse(small, hn::BitCast(du, subnormal), normal)));
}
template <class D>
HWY_INLINE hn::Vec<D> any(D d, const float* p) {
  return load(d, p);
}

template <class From, class To>
HWY_INLINE void convert_all(const From* from, To* to, int64_t n) {
  const hn::ScalableTag<float> d;
  const auto lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) store(d, any(d, from + i), to + i);
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) store(one, any(one, from + i), to + i);
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
