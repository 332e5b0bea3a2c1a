// exp, sigmoid and the normal distribution for one vector of floats. Included once per instruction set: no #pragma
// once.
#if defined(COREPULSE_KERNELS_MATH_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef COREPULSE_KERNELS_MATH_INL_H_
#undef COREPULSE_KERNELS_MATH_INL_H_
#else
#define COREPULSE_KERNELS_MATH_INL_H_
#endif

#include <hwy/highway.h>

#include "kernels/amx/polynomials.h"
#include "kernels/cpu/narrow.h"
#include "kernels/number.h"

HWY_BEFORE_NAMESPACE();
namespace corepulse::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/** Lanes of numbers at any address, as float32. */
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const float* p) {
  return hn::LoadU(d, p);
}
template <class D>
HWY_INLINE hn::Vec<D> load([[maybe_unused]] D d, const BFloat16* p) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const auto bits = hn::PromoteTo(wide, hn::LoadU(narrow, reinterpret_cast<const uint16_t*>(p)));
  return hn::BitCast(d, hn::ShiftLeft<16>(bits));
}

template <class D>
HWY_INLINE hn::Vec<D> load(D d, const Half* p) {
#if HWY_ARCH_X86 && HWY_TARGET > HWY_AVX2  // older: no instruction, and Highway's way is wrong for infinities and NaN
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
#else
  const hn::Rebind<hwy::float16_t, D> narrow;
  return hn::PromoteTo(d, hn::LoadU(narrow, reinterpret_cast<const hwy::float16_t*>(p)));
#endif
}
template <class D>
HWY_INLINE hn::Vec<D> load(D d, const int8_t* p) {
  const hn::Rebind<int32_t, D> integer;
  return hn::ConvertTo(d, hn::PromoteTo(integer, hn::LoadU(hn::Rebind<int8_t, D>(), p)));
}

/** The same back; bfloat16 rounded to nearest, ties to even, NaN stays NaN. */
template <class D>
HWY_INLINE void store(D d, hn::Vec<D> x, float* p) {
  hn::StoreU(x, d, p);
}
template <class D>
HWY_INLINE void store([[maybe_unused]] D d, hn::Vec<D> x, BFloat16* p) {
  const hn::Rebind<uint16_t, D> narrow;
  const hn::RebindToUnsigned<D> wide;
  const hn::RebindToSigned<D> integer;
  const auto bits = hn::BitCast(wide, x);
  const auto odd = hn::And(hn::ShiftRight<16>(bits), hn::Set(wide, 1));
  const auto rounded = hn::Add(bits, hn::Add(odd, hn::Set(wide, 0x7fff)));
  const auto quiet = hn::Or(bits, hn::Set(wide, 0x00400000));
  const auto kept = hn::IfThenElse(hn::RebindMask(wide, hn::IsNaN(x)), quiet, rounded);
  const auto high = hn::DemoteTo(narrow, hn::BitCast(integer, hn::ShiftRight<16>(kept)));
  hn::StoreU(high, narrow, reinterpret_cast<uint16_t*>(p));
}

// f(tag, index) for all of n numbers, a vector at a time; the rest of fewer goes one by one through the same formula.
template <class F>
HWY_INLINE void for_each_vector(int64_t n, F f) {
  const hn::ScalableTag<float> d;
  const int64_t lanes = static_cast<int64_t>(hn::Lanes(d));
  int64_t i = 0;
  for (; i + lanes <= n; i += lanes) f(d, i);
  const hn::CappedTag<float, 1> one;
  for (; i < n; ++i) f(one, i);
}

// c[0] + x (c[1] + x (c[2] + ...)).
template <class D, size_t N>
HWY_INLINE hn::Vec<D> horner(D d, hn::Vec<D> x, const float (&c)[N]) {
  auto sum = hn::Set(d, c[N - 1]);
  for (size_t i = N - 1; i-- > 0;) sum = hn::MulAdd(sum, x, hn::Set(d, c[i]));
  return sum;
}

// Adding 1.5 * 2^23 rounds to an integer n; 127 more, and the lowest bits hold the exponent field of 2^n.
constexpr float kRounder = 12582912.0f + 127.0f;

// 2^n for rounded = n + kRounder, -126 <= n <= 127.
template <class D>
HWY_INLINE hn::Vec<D> power_of_2(D d, hn::Vec<D> rounded) {
  const hn::RebindToUnsigned<D> du;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::BitCast(du, rounded)));
}

/**
 * 2^x for x <= 0, relative error below 1.2e-7; exactly 0 below -125 (-inf too), NaN for NaN.
 * Minimax polynomial of 2^f on [-1/2, 1/2], error 2e-9.
 */
template <class D>
HWY_INLINE hn::Vec<D> exp2_of_negative(D d, hn::Vec<D> x) {
  const auto rounder = hn::Set(d, kRounder);
  const auto rounded = hn::Add(x, rounder);
  const auto fraction = hn::Sub(x, hn::Sub(rounded, rounder));
  const auto y = hn::Mul(horner(d, fraction, kExp2), power_of_2(d, rounded));
  // "not less" rather than "greater or equal", so that NaN passes through.
  return hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -125.0f)), y);
}

/**
 * e^x, relative error below 1.2e-7; 0 below -86, 1.7e38 above 88, NaN for NaN.
 * ln 2 in two parts (Cody and Waite), minimax polynomial of e^f on [-ln2/2, ln2/2], error 2e-9.
 */
template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  constexpr float c[] = {1.0f, 1.0f, 0.49999994f, 0.166664317f, 0.0416680016f, 0.00837416295f, 0.00138436444f};
  const auto low = hn::Lt(x, hn::Set(d, -86.0f));
  x = hn::IfThenElse(hn::Gt(x, hn::Set(d, 88.0f)), hn::Set(d, 88.0f), x);
  const auto rounder = hn::Set(d, kRounder);
  const auto rounded = hn::MulAdd(x, hn::Set(d, 1.44269504f), rounder);
  const auto n = hn::Sub(rounded, rounder);
  auto f = hn::NegMulAdd(n, hn::Set(d, 0.693145752f), x);
  f = hn::NegMulAdd(n, hn::Set(d, 1.42860677e-6f), f);
  return hn::IfThenZeroElse(low, hn::Mul(horner(d, f, c), power_of_2(d, rounded)));
}

/** 1 / (1 + e^-x). */
template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0f);
  return hn::Div(one, hn::Add(one, exp(d, hn::Neg(x))));
}

/**
 * x Phi(x) with the normal distribution function Phi; absolute error below 1e-7 |x|, and relatively exact where
 * Phi(x) = erfc(-x/sqrt2)/2 is small.
 */
template <class D>
HWY_INLINE hn::Vec<D> gelu(D d, hn::Vec<D> x) {
  // Where e^(-a^2/2) is 0 the fraction must not become inf / inf.
  const auto a = hn::Min(hn::Abs(x), hn::Set(d, 16.0f));
  const auto bell = exp(d, hn::Mul(hn::Mul(a, a), hn::Set(d, -0.5f)));
  const auto tail = hn::Mul(bell, hn::Div(horner(d, a, kTailOver), horner(d, a, kTailUnder)));
  const auto phi = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), tail, hn::Sub(hn::Set(d, 1.0f), tail));
  return hn::Mul(x, phi);
}

}  // namespace corepulse::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
