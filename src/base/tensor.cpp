#include "base/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"

namespace corepulse {

std::string to_string(const mx::Shape& shape) {
  return fmt::format("[{}]", fmt::join(shape.begin(), shape.end(), ", "));
}

void check_shape(const mx::array& x, const mx::Shape& expected, const char* where) {
  bool same = x.shape().size() == expected.size();
  for (size_t i = 0; same && i < expected.size(); ++i) same = expected[i] < 0 || x.shape()[i] == expected[i];
  if (!same)
    fail(ErrorCode::internal, where, fmt::format("shape {}; expected {}", to_string(x.shape()), to_string(expected)));
}

}  // namespace corepulse
