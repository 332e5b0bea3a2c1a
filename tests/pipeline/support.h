#pragma once
// Whole runs of small models, through the public interface.

#include <cmath>
#include <cstdlib>
#include <doctest/doctest.h>
#include <map>
#include <string>

#include "corepulse/pipeline.h"

#include "assembled.h"
#include "io/json.h"
#include "support/golden.h"
#include "support/places.h"

namespace corepulse::test {

/** Of a family of tests/golden/models, of a shape of tests/golden/shapes, or "builtin". */
inline std::string tiny_folder(const std::string& family) {
  if (family == "builtin") return family;
  if (std::filesystem::exists(golden_folder() + "/shapes/" + family)) return assembled(family);
  return golden_folder() + "/models/" + family;
}

/** The goldens are float32. COREPULSE_TEST_DTYPE=bf16 runs the laws in bfloat16. */
inline ComputeType test_dtype() {
  const char* given = std::getenv("COREPULSE_TEST_DTYPE");
  return given && std::string(given) == "bf16" ? ComputeType::bfloat16 : ComputeType::float32;
}

/** Loaded once per family for all tests of this program. */
inline const Pipeline& tiny(const std::string& family) {
  static std::map<std::string, Pipeline> pipelines;
  const auto found = pipelines.find(family);
  if (found != pipelines.end()) return found->second;
  return pipelines.emplace(family, Pipeline::load({.model = tiny_folder(family)}, {.dtype = test_dtype()}))
      .first->second;
}

/** The run that the goldens' `pipeline` describes. */
inline Recipe golden_recipe(const std::string& family) {
  const Golden golden(family == "inpaint" ? "small" : family);  // inpaint has no run
  const auto json = io::parse_json(golden.metadata().at("pipeline"), family);
  Recipe recipe;
  recipe.model = tiny_folder(family);
  recipe.prompt = json["prompt"];
  if (json["negative_prompt"].is_string()) recipe.negative_prompt = json["negative_prompt"];
  recipe.width = json["width"], recipe.height = json["height"];
  recipe.sampler = SamplerKind::euler;  // whatever the model's own is
  recipe.steps = json["steps"], recipe.guidance = json["guidance"], recipe.seeds = {json["seed"].get<uint64_t>()};
  return recipe;
}

inline Result run(const std::string& family, const Recipe& recipe, bool decode = false) {
  return tiny(family).generate({recipe, {}, decode});
}

/** max|a - b| / max|b|. */
inline double relative_error(const std::vector<float>& a, const std::vector<float>& b) {
  REQUIRE(a.size() == b.size());
  double difference = 0, largest = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    difference = std::max(difference, std::abs(double(a[i]) - b[i]));
    largest = std::max(largest, std::abs(double(b[i])));
  }
  return difference / largest;
}

inline std::vector<float> numbers(const Golden& golden, const std::string& name) {
  const auto x = golden.array(name);
  return {x.data<float>(), x.data<float>() + x.size()};
}

}  // namespace corepulse::test
