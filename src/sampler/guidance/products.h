#pragma once
// Products over all numbers of an image.

#include <numeric>
#include <vector>

#include "base/tensor.h"

namespace corepulse::sampler {

/** <a, b> of each image: [B, 1, 1, 1], in float32. */
inline mx::array product(const mx::array& a, const mx::array& b) {
  std::vector<int> axes(a.ndim() - 1);
  std::iota(axes.begin(), axes.end(), 1);
  return mx::sum(mx::astype(a, mx::float32) * mx::astype(b, mx::float32), axes, true);
}

/** a / b, and 0 where b is 0. */
inline mx::array quotient(const mx::array& a, const mx::array& b) {
  const auto none = mx::equal(b, like(0.f, b));
  return mx::where(none, like(0.f, b), a / mx::where(none, like(1.f, b), b));
}

}  // namespace corepulse::sampler
