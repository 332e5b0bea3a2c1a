// What the documentation shows and what comes with the program runs, and changes the picture.
#include <map>
#include <set>

#include "control_net_file.h"
#include "ip_adapter_file.h"
#include "lora_file.h"
#include "support.h"
#include "support/doc_examples.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

bool observes(const Recipe& recipe) {
  for (const auto& control : recipe.controls)
    if (!std::holds_alternative<Capture>(control.effect)) return false;
  return true;
}

bool records(const Recipe& recipe) {
  for (const auto& control : recipe.controls) {
    const auto* capture = std::get_if<Capture>(&control.effect);
    const auto* share = std::get_if<Share>(&control.effect);
    const auto* features = std::get_if<Features>(&control.effect);
    if ((capture && capture->what != Capture::What::map) || (share && !share->recording.empty()) ||
        (features && !features->recording.empty()))
      return true;
  }
  return false;
}

/** Largest difference of the last image's latents to those of the same run without controls. */
double change(const std::string& family, Recipe recipe) {
  recipe.model = tiny_folder(family);
  recipe.steps = 2;
  auto plain = recipe;
  plain.controls.clear();
  static std::map<std::string, std::vector<float>> drawn;  // most examples have the same plain run
  auto& without = drawn[to_json(plain, -1)];
  if (without.empty()) without = run(family, plain).latents.back();
  return relative_error(run(family, recipe).latents.back(), without);
}

}  // namespace

TEST_CASE("every example of the documentation runs and acts, unless it only watches") {
  std::set<std::string> kinds;
  const LoraFile style("builtin", "attn", 1);
  const ControlNetFile edges("builtin");
  const IpAdapterFile cats("builtin");
  for (const auto& example : example_recipes()) {
    CAPTURE(example.dump());
    auto recipe = recipe_from_json(example.dump());
    if (recipe.controls.empty()) recipe.controls = recipe.edits.front().controls;
    recipe.edits.clear();  // their steps are beyond two
    REQUIRE_FALSE(recipe.controls.empty());
    for (auto& control : recipe.controls) {
      kinds.insert(kind_name(control.effect));
      control.when = {};  // two steps meet few windows
      if (auto* lora = std::get_if<Lora>(&control.effect)) lora->file = style.path();
      if (auto* net = std::get_if<ControlNet>(&control.effect))
        net->file = edges.path(), net->picture.clear(), net->data = block_picture(3);
      if (auto* prompt = std::get_if<PicturePrompt>(&control.effect))
        prompt->file = cats.path(), prompt->pictures.clear(), prompt->data = {block_picture(3)};
    }
    const auto kind = std::string(kind_name(recipe.controls[0].effect));
    recipe.prompt = "a red cat in a park with snow";
    recipe.seeds = {1, 2};
    if (records(recipe)) continue;  // tests/pipeline/recording_test.cpp, features_test.cpp
    const bool sdxl = kind == "pooled" || kind == "time_ids";
    if (observes(recipe))
      CHECK(change("builtin", recipe) == 0);
    else
      CHECK(change(sdxl ? "sdxl" : "builtin", recipe) > 1e-4);
  }
  CHECK(kinds.size() == std::variant_size_v<Effect>);
}

TEST_CASE("every recipe that comes with the library is listed, runs and changes the picture") {
  const auto list = presets();
  CHECK(list.size() >= 7);
  for (const auto& preset : list) {
    CAPTURE(preset.name);
    CHECK(preset.about.size() > 20);
    CHECK(is_preset(preset.name));
    const auto recipe = recipe_from_json(preset_json(preset.name));
    CHECK(model_source(recipe).model == "builtin");
    CHECK(explain(recipe).text.find("neutral") == std::string::npos);
    CHECK(change("builtin", recipe) > 0.01);
  }
  CHECK_FALSE(is_preset("two-legions"));
}
