// Levels given one by one, few-step models, CFG++, and noise on a tree: in whole runs.
#include <algorithm>

#include "corepulse/error.h"

#include "io/base64.h"
#include "io/picture/image_format.h"
#include "support.h"
#include "support/dice.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

std::string small_picture() {
  Dice dice(7);
  Image noise{12, 9, std::vector<uint8_t>(size_t{12} * 9 * 3), {}};
  for (auto& value : noise.pixels) value = static_cast<uint8_t>(dice.below(256));
  return io::to_base64(io::encode_png(noise, {}));
}

Recipe few(int steps = 4) {
  auto recipe = golden_recipe("small");
  recipe.steps = steps;
  return recipe;
}

std::vector<std::vector<float>> latents_of(const Recipe& recipe) {
  return run("small", recipe).latents;
}

std::string refusal(const Recipe& recipe) {
  try {
    run("small", recipe);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_request);
    return error.what();
  }
  FAIL("accepted");
  return "";
}

bool says(const std::string& text, const std::string& words) {
  return text.find(words) != text.npos;
}

bool noted(const std::vector<std::string>& notes, const std::string& words) {
  return std::any_of(notes.begin(), notes.end(), [&](const auto& note) { return says(note, words); });
}

}  // namespace

TEST_CASE("a run at the levels of a schedule, given one by one, is that schedule's") {
  auto recipe = few();
  recipe.schedule = ScheduleKind::trailing;  // 999, 749, 499, 249
  auto listed = few();
  listed.steps = Recipe{}.steps;
  listed.timesteps = {999, 749, 499, 249};
  for (const auto sampler : {SamplerKind::euler, SamplerKind::dpmpp_2m, SamplerKind::heun}) {
    recipe.sampler = listed.sampler = sampler;
    CHECK(latents_of(listed) == latents_of(recipe));
  }
  const auto result = run("small", listed);
  CHECK(result.recipe.steps == 4);
  CHECK(result.recipe.schedule == ScheduleKind::model);
  CHECK(result.recipe.timesteps == listed.timesteps);
  CHECK(latents_of(recipe_from_json(to_json(result.recipe))) == result.latents);
  auto other = listed;
  other.timesteps = {999, 700, 300, 100};
  CHECK(latents_of(other) != result.latents);
}

TEST_CASE("of levels given one by one a run from a picture takes the last") {
  auto recipe = few();
  recipe.init = InitPicture{.data = small_picture(), .strength = 0.5};
  recipe.schedule = ScheduleKind::trailing;
  auto listed = recipe;
  listed.schedule = ScheduleKind::model;
  listed.timesteps = {999, 749, 499, 249};
  CHECK(latents_of(listed) == latents_of(recipe));
  for (const auto& name : sampler_names()) {  // each of them may begin late
    CAPTURE(name);
    listed.sampler = parse_sampler(name).sampler;
    const auto result = run("small", listed);
    CHECK(result.recipe.steps == 4);
  }
  listed.init->exact_steps = true;
  CHECK(says(refusal(listed), "init.exact_steps"));
}

TEST_CASE("levels that are wrong, or stand beside a schedule, are refused by name") {
  auto recipe = few();
  recipe.timesteps = {999, 500};
  CHECK(says(refusal(recipe), "steps is 4, and timesteps names 2"));
  recipe.steps = 2, recipe.schedule = ScheduleKind::karras;
  CHECK(says(refusal(recipe), "schedule is karras"));
  recipe.schedule = ScheduleKind::model, recipe.sigmas = {3};
  CHECK(says(refusal(recipe), "sigmas"));
  recipe.timesteps.clear(), recipe.steps = 20, recipe.sigmas = {0};
  CHECK(says(refusal(recipe), "no level above 0"));
  recipe.sigmas = {1, 3};
  CHECK(says(refusal(recipe), "falling"));
  recipe.sigmas = {1000};
  CHECK(says(refusal(recipe), "trained on"));
  recipe.sigmas = {3, 1, 0};
  CHECK(run("small", recipe).recipe.sigmas == std::vector<double>{3, 1});
}

TEST_CASE("a second pass draws at the recipe's levels unless it says how many steps, or which schedule, it takes") {
  auto recipe = few();
  recipe.timesteps = {999, 749, 499, 249};
  recipe.second_pass = SecondPass{.scale = 1, .upscale = Upscale::latent_nearest, .strength = 0.5};
  const auto result = run("small", recipe);
  CHECK(result.recipe.second_pass->steps == 0);
  CHECK_FALSE(result.recipe.second_pass->schedule);
  CHECK(latents_of(recipe_from_json(to_json(result.recipe))) == result.latents);
  recipe.second_pass->steps = 6;
  const auto other = run("small", recipe);
  CHECK(other.recipe.second_pass->steps == 6);
  CHECK(latents_of(recipe_from_json(to_json(other.recipe))) == other.latents);
}

TEST_CASE("CFG++ draws along the negative prompt's prediction, and is refused where there is none") {
  auto recipe = few();
  recipe.guidance = 1.5;
  const auto plain = latents_of(recipe);
  recipe.sampler = SamplerKind::euler_cfg_pp;
  const auto cfg = latents_of(recipe);
  CHECK(cfg != plain);
  recipe.negative_prompt = "a park";
  CHECK(latents_of(recipe) != cfg);
  recipe.guidance = 1;
  for (const auto sampler : {SamplerKind::euler_cfg_pp, SamplerKind::dpmpp_2m_cfg_pp}) {
    recipe.sampler = sampler;
    CHECK(says(refusal(recipe), "negative prompt"));
  }
  recipe.guidance = 2;
  recipe.controls = {guidance({{0, 2}, {1, 1}})};
  CHECK(says(refusal(recipe), "negative prompt"));
}

TEST_CASE("the word of a few-step model sets its authors' settings; a model that is none is noted") {
  for (const auto* word : {"lcm", "turbo", "lightning", "hyper", "dmd2"}) {
    CAPTURE(std::string(word));
    auto recipe = with_few_steps(golden_recipe("small"), parse_few_steps(word));
    CHECK(recipe.guidance == 1);
    const auto result = run("small", recipe);
    CHECK(result.recipe.steps == recipe.steps);
    CHECK(noted(result.notes, "few_steps " + std::string(word)));
    const auto again = recipe_from_json(to_json(result.recipe));
    CHECK(again.few_steps == recipe.few_steps);
    CHECK(latents_of(again) == result.latents);
  }
}

TEST_CASE("in compat comfy and a1111 the SDE samplers draw on a tree, image by image") {
  auto recipe = few();
  recipe.sampler = SamplerKind::dpmpp_2m_sde;
  const auto diffusers = latents_of(recipe);
  for (const auto compat : {Compat::comfy, Compat::a1111}) {
    recipe.compat = compat;
    recipe.seeds = {5};
    const auto one = latents_of(recipe);
    CHECK(one != diffusers);
    recipe.seeds = {4, 5};
    CHECK(latents_of(recipe)[1] == one[0]);
    recipe.eta = 0;
    auto deterministic = recipe;
    deterministic.sampler = SamplerKind::dpmpp_2m;
    deterministic.schedule = recipe.schedule = ScheduleKind::karras;
    CHECK(latents_of(recipe) == latents_of(deterministic));
    recipe.eta.reset();
  }
}
