#pragma once
// Whole parts and multiples.

#include <cstdint>

namespace corepulse::kernels {

/** n / by, rounded up; n >= 0, by > 0. */
constexpr int64_t divide_up(int64_t n, int64_t by) {
  return (n + by - 1) / by;
}

/** The least multiple that is not less than n. */
constexpr int64_t round_up(int64_t n, int64_t multiple) {
  return divide_up(n, multiple) * multiple;
}

}  // namespace corepulse::kernels
