// Images with a prompt of their own, and calls with other rows than two: what is said of them around a run.
#include "pipeline/forecast/estimate.h"
#include "pipeline/prepare/prepare.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

Recipe edited() {
  auto recipe = golden_recipe("small");
  recipe.steps = 3;
  recipe.prompt = "a red cat in a park";
  recipe.seeds = {3, 3};
  recipe.controls = {prompt_to_prompt("a red dog in a park")};
  return recipe;
}

bool notes_seeds(const Recipe& recipe) {
  for (const auto& note : run("small", recipe).notes)
    if (contains(note, "image 1 looks as image 0 does, but begins from seed 4, not 3")) return true;
  return false;
}

}  // namespace

TEST_CASE("each picture of an edited batch holds the recipe of all, and its own prompt for other programs") {
  const auto result = run("small", edited(), true);
  REQUIRE(result.images.size() == 2);
  for (int i = 0; i < 2; ++i) {
    const auto text = image_text(result, i);
    CHECK(recipe_from_json(text.at("corepulse")).seeds == std::vector<uint64_t>{3, 3});
    CHECK(text.at("parameters").starts_with(i ? "a red dog in a park\n" : "a red cat in a park\n"));
  }
  auto other = edited();
  other.seeds = {3, 4};
  CHECK(contains(image_text(run("small", other, true), 1).at("parameters"), "Seed: 4,"));
}

TEST_CASE("a picture that takes something of another of its batch holds the recipe of all") {
  auto recipe = edited();
  auto cat = looked_at("cat");
  cat.image = 0;
  for (const auto& control : {blend(0).for_images({1}), share_image(0).for_images({1}), features(0),
                              inject("a dog").within(!cat + rectangle(0, 0, 0.5, 1)).for_images({1})}) {
    recipe.controls = {control};
    const auto text = image_text(run("small", recipe, true), 1);
    CHECK(recipe_from_json(text.at("corepulse")).seeds == std::vector<uint64_t>{3, 3});
  }
  recipe.controls = {inject("a dog").within(looked_at("cat"))};
  const auto alone = image_text(run("small", recipe, true), 1);
  CHECK(recipe_from_json(alone.at("corepulse")).seeds == std::vector<uint64_t>{3});
}

TEST_CASE("an edited image that begins elsewhere than its base is noted") {
  auto recipe = edited();
  CHECK_FALSE(notes_seeds(recipe));
  recipe.seeds = {3, 4};
  CHECK(notes_seeds(recipe));
  recipe.controls[0].enabled = false;
  CHECK_FALSE(notes_seeds(recipe));
}

TEST_CASE("a forecast counts the calls and rows that a run makes") {
  const pipeline::Outline outline({.model = tiny_folder("small")});
  auto recipe = golden_recipe("small");
  recipe.steps = 4, recipe.guidance = 5, recipe.sampler = SamplerKind::euler;
  const auto calls = [&] {
    const auto counted = pipeline::calls_of(pipeline::prepare(recipe, outline).control, true);
    CHECK(counted.count == run("small", recipe).model_calls);
    return counted;
  };
  CHECK(calls().rows == 8);
  recipe.controls = {guidance(1).steps(0, 1)};
  CHECK(calls().rows == 7);
  recipe.seeds = {1, 2};
  recipe.controls = {guide_by(GuideBy::Perturb::identity).for_images({1}).steps(0, 2)};
  CHECK(calls().rows == 18);
  CHECK(calls().at_once == 3);
  recipe.controls = {prompt_to_prompt("a dog")};
  CHECK(calls().rows == 16);
  CHECK(calls().at_once == 4);
  recipe.guidance = 1, recipe.controls.clear();
  CHECK(calls().rows == 8);
  CHECK(calls().at_once == 1);
}
