#include "kernels/cuda/placed.h"

#include <algorithm>
#include <limits>
#include <string_view>

#include "mlx/primitives.h"

namespace corepulse::kernels {
namespace {

std::vector<int> strides_of(const mx::Shape& shape) {
  std::vector<int> strides(shape.size() - 1);
  int stride = 1;
  for (size_t axis = strides.size(); axis-- > 0;) strides[axis] = stride *= shape[static_cast<int>(axis) + 1];
  return strides;
}

}  // namespace

Placed placed(const mx::array& x, int bytes) {
  auto whole = x;
  std::vector<int64_t> start(x.ndim(), 0);
  while (whole.has_primitive() && whole.primitive().name() == std::string_view("Slice")) {
    const auto [from, to, steps] = static_cast<const mx::Slice&>(whole.primitive()).state();
    if (std::any_of(steps.begin(), steps.end(), [](int step) { return step != 1; })) break;
    for (size_t i = 0; i < start.size(); ++i) start[i] += from[static_cast<int>(i)];
    whole = mx::array(whole.inputs()[0]);
  }
  const auto strides = strides_of(whole.shape());
  int64_t first = start.back();
  for (size_t i = 0; i < strides.size(); ++i) first += start[i] * strides[i];
  const int numbers = bytes / static_cast<int>(x.itemsize());
  if (first % numbers != 0 || whole.shape(-1) % numbers != 0 || first > std::numeric_limits<int>::max())
    return {x, 0, strides_of(x.shape())};
  return {whole, static_cast<int>(first), strides};
}

}  // namespace corepulse::kernels
