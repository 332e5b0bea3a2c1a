// docs/control.md: its examples are valid, and each kind has one that acts.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <set>

#include "corepulse/recipe.h"

#include "../support/doc_examples.h"
#include "control/effects/picture_prompt.h"
#include "control/effects/side_network.h"
#include "control/kind.h"
#include "schema.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

ProgramInputs run() {
  auto inputs = run_of(builtin_sites(), "a red cat in a park with snow", 256, 256);
  RecordingInfo recording{.name = "cat-style.safetensors", .latent_height = 32, .latent_width = 32};
  for (const auto& site : inputs.sites) recording.sites.push_back(site.path);
  for (const auto& call : inputs.calls) recording.steps.push_back(call.index), recording.sigmas.push_back(call.sigma);
  RecordingInfo features = recording;
  features.name = "house-f.safetensors", features.sites.clear();
  for (auto site : inputs.sites) {
    if (site.kind != BlockKind::output || site.cross || site.depth > 0) continue;
    site.index = static_cast<int>(inputs.resnets.size()), site.depth = -1, site.heads = 0;
    site.path = fmt::format("up_blocks.{}.resnets.{}", site.block, site.attention);
    inputs.resnets.push_back(site), features.sites.push_back(site.path);
  }
  RecordingInfo keys = recording;
  keys.name = "house-k.safetensors";
  inputs.recordings = {recording, features, keys};
  inputs.layers = inputs.sites;
  inputs.adapters = {{.name = "style.safetensors", .texts = true}};
  for (const auto& site : inputs.sites) inputs.adapters[0].layers.insert(site.path);
  inputs.skips = inputs.sites;
  const ControlNet house{.file = "canny.safetensors", .picture = "house.png", .prepare = ControlNet::Prepare::canny};
  inputs.side_networks = {{side_network_name(house), std::vector<bool>(inputs.skips.size(), true), "ControlNet", 0.4}};
  const PicturePrompt cat{.file = "ip-adapter.safetensors", .pictures = {"cat.png"}};
  inputs.picture_prompts = {{picture_prompt_name(cat), 4, "IP-Adapter"}};
  for (auto site : inputs.sites) {
    if (site.kind != BlockKind::output || site.cross || site.depth > 0) continue;
    site.index = static_cast<int>(inputs.joints.size());
    inputs.joints.push_back({site, 1});
  }
  inputs.batch = 2, inputs.pooled = true, inputs.time_ids = TimeIds{256, 256, 0, 0, 256, 256};
  return inputs;
}

}  // namespace

TEST_CASE("every kind has an example in the documentation that acts") {
  std::set<std::string> shown;
  for (const auto& recipe : corepulse::test::example_recipes()) {
    CAPTURE(recipe.dump());
    CHECK(invalid(recipe) == "");
    const auto controls = recipe_from_json(recipe.dump()).controls;
    const auto program = Program::resolve(controls, run());
    for (const auto& report : program.reports()) CHECK(report.state == ControlReport::State::acts);
    for (const auto& control : controls) shown.insert(kind_name(control.effect));
  }
  for (const auto& kind : kind_names()) {
    CAPTURE(kind);
    CHECK(shown.count(kind) == 1);
  }
}

TEST_CASE("the short forms in the documentation are read") {
  const auto text = corepulse::test::control_page();
  int found = 0;
  for (const auto* kind : kinds())
    for (const auto& form : kind->short_forms) {
      const auto option = fmt::format("--{}", form.option);
      CAPTURE(option);
      CHECK(text.find(option + " \"") != text.npos);
      for (size_t at = text.find(option + " \""); at != text.npos; at = text.find(option + " \"", at + 1), ++found) {
        const size_t begin = at + option.size() + 2;
        const auto value = text.substr(begin, text.find('"', begin) - begin);
        CAPTURE(value);
        CHECK(kind_name(form.parse(value).effect) == std::string(kind->name));
      }
    }
  CHECK(found >= 13);
}

}  // namespace corepulse::control::test
