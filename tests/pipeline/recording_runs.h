#pragma once
// Short runs of tiny models, and the files of what they record.

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "support.h"

namespace corepulse::test {

/** A file that goes away. */
struct File {
  std::string path;
  explicit File(const std::string& name)
      : path((std::filesystem::temp_directory_path() / ("corepulse_" + name)).string()) {}
  ~File() { std::filesystem::remove(path); }
};

inline Recipe short_run(const std::string& family, SamplerKind sampler = SamplerKind::euler, int steps = 3) {
  auto recipe = golden_recipe(family);
  recipe.steps = steps;
  recipe.sampler = sampler;
  return recipe;
}

inline Result with(const std::string& family, Recipe recipe, std::vector<Control> controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

/** "invalid_request: [where] ...". */
inline std::string refusal(const std::string& family, const Recipe& recipe, const Control& control) {
  try {
    with(family, recipe, {control});
  } catch (const Error& e) {
    return std::string(name(e.code())) + ": " + e.what();
  }
  return "accepted";
}

inline bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

}  // namespace corepulse::test
