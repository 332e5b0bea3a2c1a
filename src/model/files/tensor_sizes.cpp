#include "model/files/tensor_sizes.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::model {

bool some_begins(const io::Tensors& tensors, std::string_view beginning) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const auto& t) { return t.first.starts_with(beginning); });
}

int TensorSizes::count(const std::string& prefix, int most) const {
  int n = 0;
  while (n < most && begins(fmt::format("{}{}.", prefix, n))) ++n;
  return n;
}

int TensorSizes::size(const std::string& name, size_t axis) const {
  const auto found = tensors_.find(name);
  if (found == tensors_.end()) unsupported(fmt::format("tensor {} is missing{}", name, options_.missing));
  const auto& shape = found->second.shape;
  if (shape.size() <= axis || shape[axis] < 1 || shape[axis] > kMostWidth)
    unsupported(fmt::format("tensor {} has an impossible shape", name));
  return static_cast<int>(shape[axis]);
}

void TensorSizes::unsupported(const std::string& message) const {
  fail(ErrorCode::unsupported_model, options_.part, fmt::format("{}: {}", path_.string(), message));
}

}  // namespace corepulse::model
