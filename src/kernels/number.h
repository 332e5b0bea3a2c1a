#pragma once
// Numbers in memory as the kernels see them: float32 or bfloat16. All arithmetic on them is float32.

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace corepulse::kernels {

/** The upper half of a float32. */
struct BFloat16 {
  uint16_t bits;
};

inline float value(float x) {
  return x;
}
inline float value(BFloat16 x) {
  const uint32_t wide = static_cast<uint32_t>(x.bits) << 16;
  float y;
  std::memcpy(&y, &wide, sizeof y);
  return y;
}

/** To the nearest, ties to even; NaN stays NaN. */
inline BFloat16 to_bf16(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t rounded = bits + 0x7fffu + (bits >> 16 & 1u);
  return {static_cast<uint16_t>((x != x ? bits | 0x00400000u : rounded) >> 16)};
}

inline void assign(float& to, float x) {
  to = x;
}
inline void assign(BFloat16& to, float x) {
  to = to_bf16(x);
}

/** Where numbers lie and of which of the two types they are. */
template <class Void>
class BasicNumbers {
 public:
  BasicNumbers() = default;
  template <class T>
  using Same = std::conditional_t<std::is_const_v<Void>, const T, T>;

  BasicNumbers(Same<float>* data) : data_(data), bf16_(false) {}
  BasicNumbers(Same<BFloat16>* data) : data_(data), bf16_(true) {}

  operator BasicNumbers<const void>() const
    requires(!std::is_const_v<Void>)
  {
    if (bf16_) return static_cast<const BFloat16*>(data_);
    return static_cast<const float*>(data_);
  }

  bool bf16() const { return bf16_; }
  size_t bytes() const { return bf16_ ? 2 : 4; }  ///< Of one.
  Void* data() const { return data_; }
  /** Of kernels that were promised float32; wrong for bfloat16. */
  operator Same<float>*() const { return static_cast<Same<float>*>(data_); }

  /** The numbers from the n-th on. */
  BasicNumbers at(int64_t n) const {
    if (bf16_) return static_cast<Same<BFloat16>*>(data_) + n;
    return static_cast<Same<float>*>(data_) + n;
  }

  /** f(pointer to the numbers' type). */
  template <class F>
  void visit(F f) const {
    bf16_ ? f(static_cast<Same<BFloat16>*>(data_)) : f(static_cast<Same<float>*>(data_));
  }

 private:
  Void* data_ = nullptr;
  bool bf16_ = false;
};

using Numbers = BasicNumbers<void>;
using ConstNumbers = BasicNumbers<const void>;

}  // namespace corepulse::kernels
