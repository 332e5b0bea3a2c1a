// Laws of prompt-to-prompt and of guidance by perturbed rows and normalised attention, on whole runs ("==" is bit for
// bit).
#include <doctest/doctest.h>

#include "corepulse/live_controls.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<Control>;
using Latents = std::vector<std::vector<float>>;
using Perturb = GuideBy::Perturb;

const std::string kEdited = "a small blue dog in a park at sunset";

Recipe short_run(const std::string& family, size_t images = 1, int steps = 4) {
  auto recipe = golden_recipe(family);
  recipe.steps = steps;
  recipe.seeds.assign(images, 3);
  return recipe;
}

Latents latents(const std::string& family, Recipe recipe, Controls controls = {}) {
  recipe.controls = std::move(controls);
  return run(family, recipe).latents;
}

Control edit(std::string prompt, Curve cross, Curve self) {
  return {.effect = PromptToPrompt{.prompt = std::move(prompt), .cross = std::move(cross), .self = std::move(self)}};
}

/** a + factor (b - c). */
std::vector<float> plus(std::vector<float> a, double factor, const std::vector<float>& b, const std::vector<float>& c) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += static_cast<float>(factor * (double(b[i]) - c[i]));
  return a;
}

const std::vector<std::string> kFamilies{"sd1", "sd2v", "sdxl", "small"};

Result play(const std::string& family, const Recipe& recipe, const std::map<int, Controls>& script) {
  Request request{.recipe = recipe, .decode = false, .live = std::make_shared<LiveControls>()};
  request.progress = [&](const Progress& at) {
    if (const auto found = script.find(at.step); found != script.end()) request.live->set(found->second);
    for (size_t i = 0; i < recipe.seeds.size(); ++i) CHECK(at.preview(static_cast<int>(i)).pixels.size() > 0);
    return true;
  };
  return tiny(family).generate(request);
}

}  // namespace

TEST_CASE("an edit to the same tokens from the same seed is the base's plain run, bit for bit, all images of it") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    for (const auto sampler : {SamplerKind::euler, SamplerKind::heun}) {
      auto recipe = short_run(family, 3);
      recipe.sampler = sampler;
      const auto plain = latents(family, recipe);
      CHECK(latents(family, recipe, {edit(recipe.prompt, 1, 1)}) == plain);
      CHECK(latents(family, recipe, {edit("A small RED cat in a park at sunset", 1, 1).for_images({1})}) == plain);
      CHECK(latents(family, recipe, {edit(recipe.prompt, 0, 0)}) == plain);
      CHECK(relative_error(latents(family, recipe, {edit(recipe.prompt, 0.5, 0.3)})[1], plain[1]) <= 1e-4);
    }
  }
}

TEST_CASE("an edited image that never looks at the other is the plain run of its prompt, bit for bit") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family, 2);
    const auto base = latents(family, recipe)[0];
    const auto edited = latents(family, recipe, {edit(kEdited, 0, 0)});
    recipe.prompt = kEdited;
    const auto plain = latents(family, recipe)[0];
    CHECK(edited[0] == base);
    CHECK(edited[1] == plain);
    CHECK(relative_error(plain, base) > 0.02);
  }
}

TEST_CASE("an edit leaves the other image, and lies between the two prompts") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family, 2);
    const auto base = latents(family, recipe)[0];
    const auto edited = latents(family, recipe, {edit(kEdited, 0.8, 0.5)});
    CHECK(relative_error(edited[0], base) <= 1e-5);
    CHECK(relative_error(edited[1], base) > 1e-3);
    recipe.prompt = kEdited;
    const auto plain = latents(family, recipe)[0];
    CHECK(relative_error(edited[1], plain) > 1e-3);
  }
}

TEST_CASE("windows of an edit join, and a mask of ones is none") {
  auto recipe = short_run("small", 2, 5);
  const auto whole = latents("small", recipe, {edit(kEdited, 0.8, 0.5)});
  CHECK(latents("small", recipe, {edit(kEdited, 0.8, 0.5).steps(0, 2), edit(kEdited, 0.8, 0.5).steps(2, 5)}) == whole);
  CHECK(latents("small", recipe, {edit(kEdited, 0.8, 0.5).within(rectangle(0, 0, 1, 1))}) == whole);
}

TEST_CASE("what a perturbed row adds is its scale times the difference, whatever the guidance is") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family, 1, 1);  // one step: the latents are affine in what was predicted
    const auto with = [&](double guidance, double scale, Perturb perturb) {
      auto r = recipe;
      r.guidance = guidance;
      return latents(family, r, {guide_by(perturb, scale)})[0];
    };
    for (const auto perturb : {Perturb::identity, Perturb::blur}) {
      const auto plain = with(5, 0, perturb), one = with(5, 1, perturb);
      CHECK(relative_error(one, plain) > 1e-4);
      for (const double scale : {3.0, -2.0})
        CHECK(relative_error(with(5, scale, perturb), plus(plain, scale, one, plain)) <= 1e-4);
      for (const double guidance : {1.0, 0.5, 2.0})
        CHECK(relative_error(with(guidance, 2, perturb), plus(with(guidance, 0, perturb), 2, one, plain)) <= 1e-4);
      recipe.compat = Compat::a1111;
      const auto below = with(0.5, 0, perturb);
      CHECK(relative_error(with(0.5, 2, perturb), plus(below, 2, with(0.5, 1, perturb), below)) <= 1e-4);
      recipe.compat = Compat::diffusers;
    }
  }
}

TEST_CASE("perturbed rows add up, and one that perturbs nothing adds nothing") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto plain = latents(family, recipe)[0];
    const auto three = latents(family, recipe, {guide_by(Perturb::identity, 3)})[0];
    const auto twice =
        latents(family, recipe, {guide_by(Perturb::identity, 1), capture("cat"), guide_by(Perturb::identity, 2)})[0];
    CHECK(relative_error(twice, three) <= 2e-4);
    CHECK(relative_error(three, plain) > 1e-3);
    const Control sharp{.effect = GuideBy{Perturb::blur, 3, 0.01}};  // one tap
    CHECK(relative_error(latents(family, recipe, {sharp})[0], plain) <= 2e-4);
    CHECK(latents(family, recipe, {guide_by(Perturb::blur, 0)})[0] == plain);
  }
}

TEST_CASE("normalised guidance away from the prompt itself changes nothing, and needs no guidance") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family);
    recipe.guidance = 1;
    const auto plain = latents(family, recipe)[0];
    CHECK(relative_error(latents(family, recipe, {normalized_guidance(recipe.prompt, 4)})[0], plain) <= 1e-4);
    const auto guided = latents(family, recipe, {normalized_guidance("fog")})[0];
    CHECK(relative_error(guided, plain) > 1e-3);
    recipe.negative_prompt = "fog";
    CHECK(latents(family, recipe, {normalized_guidance()})[0] == guided);
    CHECK(latents(family, recipe)[0] == plain);
  }
}

TEST_CASE("images of a batch with perturbed rows and normalised guidance are themselves alone, each with its own") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = short_run(family);
    recipe.seeds = {3, 11};
    const auto batch = latents(family, recipe,
                               {guide_by(Perturb::identity).for_images({1}), guide_by(Perturb::blur, 2).steps(1, 3),
                                normalized_guidance("fog").for_images({0})});
    recipe.seeds = {3};
    CHECK(latents(family, recipe, {guide_by(Perturb::blur, 2).steps(1, 3), normalized_guidance("fog")})[0] == batch[0]);
    recipe.seeds = {11};
    CHECK(latents(family, recipe, {guide_by(Perturb::identity), guide_by(Perturb::blur, 2).steps(1, 3)})[0] ==
          batch[1]);
  }
}

TEST_CASE("live edits bring and take away rows, prompts and finishes, and the result's recipe repeats the bits") {
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_2m}) {
    for (const std::string family : {"small", "sdxl"}) {
      CAPTURE(family);
      auto recipe = short_run(family, 2, 6);
      recipe.sampler = sampler;
      recipe.controls = {reweight("cat", 2)};
      const Controls perturbed{guide_by(Perturb::identity), normalized_guidance("fog")}, edits{edit(kEdited, 1, 1)};
      const auto result = play(family, recipe, {{1, perturbed}, {2, edits}, {4, {guide_by(Perturb::blur)}}, {5, {}}});
      CHECK(result.recipe.edits ==
            std::vector<LiveEdit>{{1, perturbed}, {2, edits}, {4, {guide_by(Perturb::blur)}}, {5, {}}});
      CHECK(result.latents == run(family, recipe_from_json(to_json(result.recipe))).latents);
      const auto rows = play(family, short_run(family, 1, 6), {{1, perturbed}, {2, {}}});
      auto window = short_run(family, 1, 6);
      window.controls = {guide_by(Perturb::identity).steps(1, 2), normalized_guidance("fog").steps(1, 2)};
      CHECK(rows.latents == run(family, window).latents);
    }
  }
}
