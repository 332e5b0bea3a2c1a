// docs/control.md: its examples are valid, and each kind has one that acts.
#include <doctest/doctest.h>
#include <functional>
#include <map>
#include <set>

#include "corepulse/recipe.h"
#include "corepulse/shorthand.h"

#include "../support/doc_examples.h"
#include "control/recipe/words.h"
#include "schema.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

ProgramInputs run() {
  auto inputs = run_of(builtin_sites(), "a red cat in a park with snow", 256, 256);
  RecordingInfo recording{.name = "cat-style.safetensors", .latent_height = 32, .latent_width = 32};
  for (const auto& site : inputs.sites) recording.sites.push_back(site.path);
  for (const auto& call : inputs.calls) recording.steps.push_back(call.index), recording.sigmas.push_back(call.sigma);
  inputs.recordings = {recording};
  inputs.batch = 2, inputs.pooled = true, inputs.time_ids = TimeIds{256, 256, 0, 0, 256, 256};
  return inputs;
}

}  // namespace

TEST_CASE("every kind has an example in the documentation that acts") {
  std::set<std::string> kinds;
  for (const auto& recipe : corepulse::test::example_recipes()) {
    CAPTURE(recipe.dump());
    CHECK(invalid(recipe) == "");
    const auto controls = recipe_from_json(recipe.dump()).controls;
    const auto program = Program::resolve(controls, run());
    for (const auto& report : program.reports()) CHECK(report.state == ControlReport::State::acts);
    for (const auto& control : controls) kinds.insert(kind_name(control.effect));
  }
  for (const auto& kind : kind_names()) {
    CAPTURE(kind);
    CHECK(kinds.count(kind) == 1);
  }
}

TEST_CASE("the short forms in the documentation are read") {
  const std::map<std::string, std::function<void(std::string_view)>> options{
      {"--inject", parse_inject},           {"--reweight", parse_reweight},     {"--mask", parse_mask},
      {"--replace", parse_replace},         {"--region", parse_region_prompt},  {"--heatmap", parse_capture},
      {"--record", parse_record},           {"--value-gain", parse_value_gain}, {"--attend", parse_attend},
      {"--temperature", parse_temperature}, {"--smooth", parse_smooth},         {"--share", parse_share},
      {"--guidance-curve", parse_guidance}};
  const auto text = corepulse::test::control_page();
  int found = 0;
  for (const auto& [option, parse] : options) {
    CAPTURE(option);
    CHECK(text.find(option + " \"") != text.npos);
    for (size_t at = text.find(option + " \""); at != text.npos; at = text.find(option + " \"", at + 1), ++found) {
      const size_t begin = at + option.size() + 2;
      const auto value = text.substr(begin, text.find('"', begin) - begin);
      CAPTURE(value);
      CHECK_NOTHROW(parse(value));
    }
  }
  CHECK(found >= 13);
}

}  // namespace corepulse::control::test
