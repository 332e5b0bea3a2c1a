#pragma once
// Weights in 8-bit integers: a row (one output) is a scale times whole numbers of -127..127, so that each weight is off
// by at most half a scale, 1/254 of the row's largest.

#include <cmath>
#include <cstdint>

namespace corepulse::kernels {

/** One row: its integers to `to`. @return the scale; NaN, which its results become, if a number is not finite. */
inline float to_integers(const float* row, int64_t n, int8_t* to) {
  float largest = 0;
  bool finite = true;
  for (int64_t i = 0; i < n; ++i) {
    finite = finite && std::isfinite(row[i]);
    largest = std::fmax(largest, std::fabs(row[i]));
  }
  const float scale = finite && largest > 0 ? largest / 127 : 1.0f;
  for (int64_t i = 0; i < n; ++i) to[i] = finite ? static_cast<int8_t>(std::lrint(row[i] / scale)) : int8_t{0};
  return finite ? scale : NAN;
}

}  // namespace corepulse::kernels
