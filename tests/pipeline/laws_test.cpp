// The laws of control, on whole runs of small models ("==" is bit for bit).
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Recipe short_run(const std::string& family, int steps = 4) {
  auto recipe = golden_recipe(family);
  recipe.steps = steps;
  if (family == "builtin") recipe.width = recipe.height = 64;
  return recipe;
}

std::vector<float> latents(const std::string& family, Recipe recipe, std::vector<Control> controls = {}) {
  recipe.controls = std::move(controls);
  return run(family, recipe).latents.at(0);
}

const std::vector<std::string> kFamilies{"sd1", "sd2v", "sdxl", "small"};
const std::string kOther = "a dragon on the beach, watercolor";

}  // namespace

TEST_CASE("law 1: neutral controls are the plain run") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto plain = latents(family, recipe);
    CHECK(latents(family, recipe) == plain);  // runs repeat
    CHECK(latents(family, recipe,
                  {inject(kOther).strength(0), inject(recipe.prompt), reweight("cat", 1),
                   inject(kOther).enable(false)}) == plain);
    CHECK(latents(family, recipe, {inject(kOther)}) != plain);
  }
}

TEST_CASE("law 3: injecting a prompt at all layers and steps is running with that prompt") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family);
    std::vector<Control> controls{inject(kOther)};
    if (family == "sdxl") controls.push_back(pooled(kOther));
    const auto injected = latents(family, recipe, controls);
    recipe.prompt = kOther;
    CHECK(injected == latents(family, recipe));
  }
}

TEST_CASE("law 4: windows [a, b) and [b, c) are [a, c); a mask of ones is no mask; binary halves commute") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto recipe = short_run(family, 5);
    CHECK(latents(family, recipe, {inject(kOther).steps(0, 2), inject(kOther).steps(2, 4)}) ==
          latents(family, recipe, {inject(kOther).steps(0, 4)}));
    CHECK(latents(family, recipe, {inject(kOther).within(rectangle(0, 0, 1, 1))}) ==
          latents(family, recipe, {inject(kOther)}));
  }
  const auto recipe = short_run("small");  // grids of 16, 8 and 4 columns: a half is binary at each
  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  CHECK(latents("small", recipe, {inject(kOther).within(left), inject("snow").within(right)}) ==
        latents("small", recipe, {inject("snow").within(right), inject(kOther).within(left)}));
}

TEST_CASE("law 5: image i of a batch is the same image alone") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family);
    for (const auto sampler : {SamplerKind::euler, SamplerKind::euler_a}) {
      recipe.sampler = sampler;
      recipe.seeds = {3, 11, 12345678901};
      const auto batch = run(family, recipe).latents;
      for (size_t i = 0; i < batch.size(); ++i) {
        auto alone = recipe;
        alone.seeds = {recipe.seeds[i]};
        CHECK(run(family, alone).latents.at(0) == batch[i]);
      }
      CHECK(batch[0] != batch[1]);
    }
  }
}

TEST_CASE("law 6: all tokens reweighted alike are the plain run; one token is not") {
  const auto recipe = short_run("small");
  const auto plain = latents("small", recipe);
  CHECK(latents("small", recipe, {reweight(Tokens::Part::all, 3)}) == plain);
  CHECK(latents("small", recipe, {reweight("cat", 3)}) != plain);
}

TEST_CASE("every sampler accepts controls, and repeats its bits") {
  auto recipe = short_run("small");
  for (const auto& name : sampler_names()) {
    CAPTURE(name);
    recipe.sampler = parse_sampler(name).sampler;
    const auto once = latents("small", recipe, {inject(kOther).sigma(5, 0)});
    CHECK(once == latents("small", recipe, {inject(kOther).sigma(5, 0)}));
    CHECK(once != latents("small", recipe));
  }
}

TEST_CASE("a dragon injected at output:0 of the built-in model changes its picture") {
  const auto recipe = short_run("builtin", 2);
  CHECK(latents("builtin", recipe, {inject("a dragon").at("output:0")}) != latents("builtin", recipe));
}

TEST_CASE("a recipe's edits hold from their step on, and repeat to the same bits") {
  auto recipe = short_run("small", 5);
  const auto windows = latents("small", recipe, {inject(kOther).steps(2, 5)});
  recipe.edits = {{2, {inject(kOther)}}};
  CHECK(latents("small", recipe) == windows);
  recipe.edits = {{2, {inject(kOther)}}, {4, {}}};
  CHECK(latents("small", recipe) == latents("small", short_run("small", 5), {inject(kOther).steps(2, 4)}));
}

TEST_CASE("an image that looks at another of its batch differs from itself alone, and the other does not") {
  auto recipe = short_run("small");
  recipe.seeds = {3, 4};
  const auto plain = run("small", recipe).latents;
  recipe.controls = {share_image(0).for_images({1})};
  const auto shared = run("small", recipe).latents;
  CHECK(relative_error(shared[0], plain[0]) <= 1e-4);  // one call for the batch: other sums, the same numbers
  CHECK(relative_error(shared[1], plain[1]) > 1e-2);
}
