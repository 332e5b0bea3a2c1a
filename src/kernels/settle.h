#pragma once
// Keeping the peak of memory near what is really alive.

#include "mlx/transforms.h"

#include "kernels/device.h"
#include "kernels/stop.h"

namespace corepulse::kernels {

/**
 * Large arrays are computed now: on the CPU MLX allocates the results of up to a hundred operations ahead of the one
 * that is running, which at full picture size would be gigabytes.
 */
inline mx::array settle(mx::array x) {
  constexpr size_t kLarge = 8u << 20;
  if (x.nbytes() < kLarge || !use_cpu_kernels(x)) return x;
  mx::eval(x);
  check_stop();
  return x;
}

}  // namespace corepulse::kernels
