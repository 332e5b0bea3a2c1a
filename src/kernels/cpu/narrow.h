#pragma once
// Weights in fewer bits than they are computed with: float16 where it holds every one of them exactly, or, where asked
// for, 8-bit integers times a scale for each row (one output).

#include <cmath>
#include <cstdint>
#include <cstring>
#include <vector>

namespace corepulse::kernels {

/** An IEEE 754 float16. */
struct Half {
  uint16_t bits;
};

/** Whether float16 holds x exactly; infinities and NaN are none of its business here. */
inline bool is_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t size = bits & 0x7fffffffu;
  const float in_smallest = std::fabs(x) * 0x1p24f;  // subnormal numbers are multiples of 2^-24
  const bool normal = size >= 0x38800000u && size < 0x47800000u && (size & 0x1fffu) == 0;
  return normal || (size < 0x38800000u && static_cast<float>(static_cast<int32_t>(in_smallest)) == in_smallest);
}

/** Of an x that float16 holds. */
inline Half to_half(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const uint32_t sign = bits >> 16 & 0x8000u, size = bits & 0x7fffffffu;
  const uint32_t rest = size < 0x38800000u ? static_cast<uint32_t>(std::fabs(x) * 0x1p24f) : (size - 0x38000000u) >> 13;
  return {static_cast<uint16_t>(sign | rest)};
}

/** Whether that is so for all n of them; on all threads. */
bool are_halves(const float* x, int64_t n);

/** Of a row: each number is off by at most half a scale, 1/254 of the largest. NaN if a number is not finite. */
inline float int8_scale(const float* row, int64_t n) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < n; ++i) {
    finite = finite && std::isfinite(row[i]);
    largest = std::fmax(largest, std::fabs(row[i]));
  }
  if (!finite) return NAN;
  return largest > 0 ? largest / 127 : 1.0f;
}

inline int8_t to_int8(float x, float scale) {
  return std::isnan(scale) ? int8_t{0} : static_cast<int8_t>(std::lrint(x / scale));
}

/** Scales of all rows. */
std::vector<float> int8_scales(const float* rows, int64_t count, int64_t n);

/** Packed numbers in one of three types, and the scales of the last. */
struct Narrow {
  const float* floats = nullptr;
  const Half* halves = nullptr;
  const int8_t* integers = nullptr;

  /** f(pointer to the numbers' type). */
  template <class F>
  void visit(F f) const {
    if (floats) return f(floats);
    halves ? f(halves) : f(integers);
  }
};

}  // namespace corepulse::kernels
