#include "model/finite.h"

#include <algorithm>
#include <fmt/format.h>

#include "mlx/ops.h"

#include "io/file.h"
#include "nn/stored.h"

namespace corepulse::model {
namespace {

bool is_finite(const io::TensorView& view) {
  const auto numbers = nn::to_array(view, {static_cast<int>(view.elements())}, mx::float32);
  return mx::all(mx::isfinite(numbers)).item<bool>();
}

}  // namespace

std::vector<std::string> non_finite_weights(const Parts& parts) {
  std::vector<std::string> result;
  for (const auto& [part, network] : parts.collection.networks) {
    for (const auto& mapping : network.mappings) mapping->check_unchanged();
    std::vector<std::string> names;
    for (const auto& [name, view] : network.stored.tensors)
      if (!is_finite(view)) names.push_back(name);
    if (names.empty()) continue;
    std::ranges::sort(names);
    const auto more = names.size() > 1 ? fmt::format(" and {} more", names.size() - 1) : "";
    result.push_back(fmt::format("{}: {}{} ({})", name(part), names[0], more, network.files.front().string()));
  }
  return result;
}

}  // namespace corepulse::model
