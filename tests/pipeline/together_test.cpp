// Runs that are drawn together: each gives what it gives alone, whatever the others are.
#include <algorithm>
#include <deque>
#include <doctest/doctest.h>

#include "engine/engine.h"
#include "generated.h"
#include "loaded_model.h"
#include "pipeline/generate.h"
#include "pipeline/prepare/apart.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Latents = std::vector<std::vector<float>>;

/** By run. @param one_by_one false: all rows of all runs in one UNet call, as on a GPU. */
std::vector<Result> drawn(const std::string& family, const std::vector<Recipe>& recipes, bool one_by_one) {
  return engine::Engine::instance().run([&] {
    auto& model = loaded_model(family);
    std::deque<pipeline::Prepared> prepared;
    std::deque<Request> requests;
    std::deque<LiveEdits> live;
    std::vector<pipeline::RunToDraw> runs;
    for (const auto& recipe : recipes) {
      prepared.push_back(pipeline::prepare(recipe, model.outline));
      requests.push_back({.recipe = recipe, .decode = false});
      live.emplace_back(requests.back(), prepared.back(), mx::float32);
      runs.push_back({prepared.back(), live.back(), requests.back()});
      REQUIRE(pipeline::why_apart(prepared.front(), prepared.back()) == "");
    }
    const pipeline::LoadedModel whole{model.model, mx::float32, model.variants, model.texts};
    return pipeline::generate(whole, model.outline, {}, runs, one_by_one, nullptr);
  });
}

double error_of(const Latents& a, const Latents& b) {
  REQUIRE(a.size() == b.size());
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, relative_error(a[i], b[i]));
  return most;
}

/** Rows of every kind: several images, none negative, further ones, readings of others, own words and sizes. */
std::vector<Recipe> mixed(const std::string& family) {
  auto recipe = golden_recipe(family);
  recipe.steps = 3, recipe.sampler = SamplerKind::euler_a;
  std::vector<Recipe> all(9, recipe);
  all[1].controls = {inject("a dragon on the beach").at("middle:0").strength(0.4)};
  all[2].prompt = "a red bus", all[2].seeds = {4, 5}, all[2].guidance = 3;
  all[2].controls = {inject("fog").within(rectangle(0, 0, 0.5, 1)), share_image(0)};
  all[3].guidance = 1;
  all[4].controls = {guide_by(GuideBy::Perturb::identity, 2).at("middle:0"), reweight("cat", 2)};
  all[5].seeds = {1, 2}, all[5].controls = {prompt_to_prompt("a dog in a park")};
  all[5].prompt = "a cat in a park", all[5].controls[0].images = {1};
  all[6].controls = {negative("fog and rain").steps(0, 2), guidance(Curve(2))};
  all[7].negative_prompt = "a house", all[7].guidance_rescale = 0.5, all[7].rng = NoiseKind::cuda;
  all[8].controls = {normalized_guidance("rain")};
  if (family == "sdxl") all[6].controls.push_back(pooled("a dragon"));
  return all;
}

}  // namespace

TEST_CASE("runs drawn together give what each gives alone: to the bit image by image, else to rounding") {
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const auto recipes = mixed(family);
    const auto apart = drawn(family, recipes, true), joined = drawn(family, recipes, false);
    double most = 0;
    for (size_t i = 0; i < recipes.size(); ++i) {
      CAPTURE(i);
      const auto alone = drawn(family, {recipes[i]}, true)[0];
      CHECK(apart[i].latents == alone.latents);
      CHECK(apart[i].recipe == alone.recipe);
      CHECK(apart[i].model_calls == alone.model_calls);
      CHECK(joined[i].model_calls == 3);
      const double error = error_of(joined[i].latents, alone.latents);
      CHECK(error <= 2e-5);
      most = std::max(most, error);
      if (i > 0) CHECK(error_of({alone.latents[0]}, {apart[0].latents[0]}) > 0.001);
    }
    MESSAGE(family, ": largest relative error ", most);
  }
}

TEST_CASE("law: generated recipes drawn together are the same alone") {
  for (const std::string family : {"sd1", "sdxl", "small"}) {
    CAPTURE(family);
    int judged = 0;
    double most = 0;
    for (unsigned seed = 30000; judged < 6; ++seed) try {
        auto one = RecipeGenerator(family, seed).recipe(), other = RecipeGenerator(family, seed + 1000).recipe();
        // What extrapolates from the steps before amplifies rounding as it likes.
        if (one.timesteps.empty()) one.sampler = SamplerKind::euler_a;
        auto shape = one;
        shape.prompt = other.prompt, shape.negative_prompt = other.negative_prompt, shape.seeds = other.seeds;
        shape.controls = other.controls, shape.guidance = other.guidance;
        auto plain = one;
        plain.controls.clear();
        const auto& model = engine::Engine::instance().run([&]() -> LoadedModel& { return loaded_model(family); });
        const auto a = pipeline::prepare(one, model.outline), b = pipeline::prepare(shape, model.outline);
        if (!pipeline::why_apart(a, b).empty()) continue;
        const std::vector<Recipe> all{one, shape, plain};
        const auto joined = drawn(family, all, false), apart = drawn(family, all, true);
        for (size_t i = 0; i < all.size(); ++i) {
          CAPTURE(to_json(all[i]));
          CHECK(apart[i].latents == run(family, all[i]).latents);
          most = std::max(most, error_of(joined[i].latents, apart[i].latents));
          CHECK(most <= 5e-4);
        }
        ++judged;
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_request);
      }
    MESSAGE(family, ": largest relative error ", most);
  }
}

TEST_CASE("what keeps runs apart is said, and nothing else does") {
  auto recipe = golden_recipe("sd1");
  const auto& pipeline = tiny("sd1");
  const auto why = [&](const Recipe& other) {
    return pipeline.prepare({.recipe = recipe}).kept_apart_from(pipeline.prepare({.recipe = other}));
  };
  const auto changed = [&](auto change) {
    auto other = recipe;
    change(other);
    return why(other);
  };
  CHECK(changed([](Recipe& r) { r.prompt = "a dog", r.guidance = 1, r.seeds = {7, 8}, r.rng = NoiseKind::mlx; }) == "");
  CHECK(changed([](Recipe& r) { r.controls = {inject("a dog"), guide_by(GuideBy::Perturb::identity, 2)}; }) == "");
  CHECK(changed([](Recipe& r) { r.width *= 2; }) == "their sizes differ");
  CHECK(changed([](Recipe& r) { ++r.steps; }) == "their samplers, schedules or steps differ");
  CHECK(changed([](Recipe& r) { r.sampler = SamplerKind::heun; }) == "their samplers, schedules or steps differ");
  CHECK(changed([](Recipe& r) { r.second_pass.emplace().scale = 2; }) == "one has a second pass");
  CHECK(changed([](Recipe& r) { r.controls = {capture("cat", "m")}; }) == "one captures attention");
  CHECK(changed([](Recipe& r) { r.edits = {{1, {inject("a dog")}}}; }) == "one has edits of its controls");
  Request request{.recipe = recipe};
  request.live = std::make_shared<LiveControls>();
  CHECK(pipeline.prepare({.recipe = recipe}).kept_apart_from(pipeline.prepare(request)) == "one has live controls");
  CHECK(
      tiny("sd1")
          .prepare({.recipe = recipe})
          .kept_apart_from(Pipeline::load({.model = tiny_folder("sd1")}, {.lazy = true}).prepare({.recipe = recipe})) ==
      "they are of different pipelines");

  request.live = nullptr, ++request.recipe.steps;
  std::vector<PreparedRun> runs;
  runs.push_back(pipeline.prepare({.recipe = recipe})), runs.push_back(pipeline.prepare(request));
  CHECK(how_many_together(runs) == 1);
  CHECK_THROWS_WITH_AS(generate_together(std::move(runs)),
                       "[together] their samplers, schedules or steps differ; expected runs that nothing keeps apart",
                       Error);
}

TEST_CASE("each of several runs has its own progress, and one of them ends all") {
  const auto& pipeline = tiny("sd1");
  std::vector<std::pair<int, int>> heard;
  std::vector<PreparedRun> runs;
  for (int i = 0; i < 2; ++i) {
    Request request{.recipe = golden_recipe("sd1")};
    request.recipe.seeds = {uint64_t(i), uint64_t(i) + 5}, request.recipe.steps = 3;
    request.progress = [&heard, i](const Progress& at) {
      heard.emplace_back(i, at.step);
      CHECK(at.preview(1).width == 16);
      return at.step < 2;
    };
    runs.push_back(pipeline.prepare(request));
  }
  try {
    generate_together(std::move(runs));
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::cancelled);
  }
  CHECK(heard == std::vector<std::pair<int, int>>{{0, 1}, {1, 1}, {0, 2}});
  CHECK(generate_together({}).empty());
}

TEST_CASE("a text that was read is known, by all that it was made of") {
  engine::Engine::instance().run([] {
    pipeline::KnownTexts known;
    int made = 0;
    const auto of = [&](const PromptText& text, std::optional<PromptText> second = {}, int skip = 0,
                        PromptSyntax syntax = PromptSyntax::plain, int numbers = 4) {
      return known
          .of({text, std::move(second), skip, syntax},
              [&] {
                ++made;
                return pipeline::EncodedText{mx::zeros({1, numbers, 1}), {}};
              })
          .context.id();
    };
    const std::string cat = "a cat";
    const auto first = of(cat);
    CHECK(of(cat) == first);
    CHECK(made == 1);
    of(std::string("a dog")), of(cat, std::string("a dog")), of(cat, {}, 1), of(cat, {}, 0, PromptSyntax::a1111);
    of({cat, {{0, 5, 1.5}}});
    CHECK(made == 6);
    of(std::string("long"), {}, 0, PromptSyntax::plain, 1 << 24);  // all there may be: the others go
    of(cat);
    CHECK(made == 8);
  });
}
