// The recipes that come with the library.

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fstream>
#include <iterator>

#include "corepulse/recipe.h"

#include "base/fail.h"
#include "io/json.h"
#include "model/files/shipped.h"

namespace corepulse {

std::vector<Preset> presets() {
  std::vector<Preset> list;
  const auto index = io::read_json(model::shipped("recipes/index.json"));
  for (auto entry = index.begin(); entry != index.end(); ++entry)
    list.push_back({entry.key(), entry.value().get<std::string>()});
  return list;
}

bool is_preset(std::string_view name) {
  const auto list = presets();
  return std::any_of(list.begin(), list.end(), [&](const Preset& preset) { return preset.name == name; });
}

std::string preset_json(std::string_view name) {
  if (!is_preset(name)) {
    std::vector<std::string> names;
    for (const auto& preset : presets()) names.push_back(preset.name);
    fail(ErrorCode::not_found, "recipe",
         fmt::format("there is no recipe '{}'; expected one of: {}", name, fmt::join(names, ", ")));
  }
  const auto file = model::shipped(fmt::format("recipes/{}.json", name));
  std::ifstream stream(file, std::ios::binary);
  if (!stream) fail(ErrorCode::io, file.string(), "cannot be read");
  return {std::istreambuf_iterator<char>(stream), {}};
}

}  // namespace corepulse
