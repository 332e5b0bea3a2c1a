// Laws of what shapes guidance, of FreeU, and of guidance by tokens that change places and by blurred pictures, on
// whole runs ("==" is bit for bit).
#include <doctest/doctest.h>

#include "engine/engine.h"
#include "pipeline/guidance/blurred.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<Control>;
using Perturb = GuideBy::Perturb;
using Numbers = std::vector<float>;

const std::vector<std::string> kFamilies{"sd1", "sd2v", "small"};
/** What is computed in another order is as near as float32 has it. */
constexpr double kNear = 1e-4;

Recipe short_run(const std::string& family, int steps = 2) {
  auto recipe = golden_recipe(family);
  recipe.steps = steps, recipe.guidance = 4;
  return recipe;
}

Numbers latents(const std::string& family, Recipe recipe, Controls controls = {}) {
  recipe.controls = std::move(controls);
  return run(family, recipe).latents[0];
}

std::string refused(Controls controls, double guidance = 4, const std::string& prompt = "") {
  auto recipe = short_run("small");
  recipe.guidance = guidance, recipe.controls = std::move(controls);
  if (!prompt.empty()) recipe.prompt = prompt, recipe.syntax = PromptSyntax::a1111;
  try {
    explain(recipe);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "";
}

bool says(const std::string& text, const std::string& part) {
  CAPTURE(text);
  CAPTURE(part);
  return text.find(part) != text.npos;
}

/** a + factor (b - a). */
Numbers further(Numbers a, double factor, const Numbers& b) {
  for (size_t i = 0; i < a.size(); ++i) a[i] += static_cast<float>(factor * (double(b[i]) - a[i]));
  return a;
}

Control projected(Curve parallel, Curve limit, Curve momentum, ProjectedGuidance::Of of) {
  return projected_guidance({std::move(parallel), std::move(limit), std::move(momentum), of});
}

constexpr auto kPrediction = ProjectedGuidance::Of::prediction, kPicture = ProjectedGuidance::Of::picture;

}  // namespace

TEST_CASE("with neutral numbers each of them is the plain run, bit for bit") {
  const Controls neutral{freeu({}),
                         freeu({.version = 1}),
                         rescaled_guidance(0),
                         zero_star_guidance(0),
                         tangential_guidance(0),
                         projected(1, 0, 0, kPrediction),
                         projected(1, 0, 0, kPicture),
                         frequency_guidance(4, 4),
                         thresholded_guidance().strength(0),
                         guide_by(Perturb::tokens, 0),
                         guide_by(Perturb::map, 0)};
  for (const auto& family : kFamilies) {
    const auto plain = latents(family, short_run(family));
    for (const auto& control : neutral) {
      CAPTURE(kind_name(control.effect));
      CHECK(latents(family, short_run(family), {control}) == plain);
    }
    CHECK(latents(family, short_run(family), neutral) == plain);
  }
}

TEST_CASE("where they ask for what is there anyway, they are near it") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto plain = latents(family, recipe);
    for (const auto& control :
         {projected(1, 1e6, 0, kPrediction), projected(1, 1e6, 0, kPicture), thresholded_guidance(4, 1)})
      CHECK(relative_error(latents(family, recipe, {control}), plain) <= kNear);
    auto other = recipe;
    other.guidance = 7;
    CHECK(relative_error(latents(family, recipe, {frequency_guidance(7, 7)}), latents(family, other)) <= kNear);
    other.guidance = 4, other.guidance_rescale = 0.6;
    CHECK(latents(family, recipe, {rescaled_guidance(0.6)}) == latents(family, other));
  }
}

TEST_CASE("guidance of less than 1 is not skimmed") {
  for (const double guidance : {0.5, 0.}) {
    auto recipe = short_run("small");
    recipe.compat = Compat::a1111, recipe.guidance = guidance;  // whose guidance below 1 reads the negative prompt
    const auto plain = latents("small", recipe);
    CHECK(latents("small", recipe, {skimmed_guidance(0.2)}) == plain);
  }
}

TEST_CASE("each of them changes the picture") {
  const Controls all{freeu({.b1 = 1.3, .s2 = 0.5}), freeu({.b1 = 1.3, .version = 1}).on(Rows::uncond),
                     rescaled_guidance(0.7),        zero_star_guidance(),
                     tangential_guidance(),         projected(0, 0, 0, kPrediction),
                     projected(0, 0, 0, kPicture),  frequency_guidance(2, 9),
                     skimmed_guidance(1),           thresholded_guidance(1, 0.9),
                     guide_by(Perturb::tokens, 2),  guide_by(Perturb::map, 3)};
  for (const auto& family : {"sd2v", "small"}) {
    const auto plain = latents(family, short_run(family, 1));
    for (const auto& control : all) {
      CAPTURE(kind_name(control.effect));
      CHECK(relative_error(latents(family, short_run(family, 1), {control}), plain) > 1e-5);
    }
  }
}

TEST_CASE("momentum is of the calls before: the first has none, and a window begins without") {
  const auto recipe = short_run("small", 3);
  const auto with = [&](double momentum) { return projected(0.5, 0, momentum, kPrediction); };
  CHECK(latents("small", short_run("small", 1), {with(-0.7)}) == latents("small", short_run("small", 1), {with(0)}));
  CHECK(latents("small", recipe, {with(-0.7).steps(2, 3)}) == latents("small", recipe, {with(0).steps(2, 3)}));
  CHECK(relative_error(latents("small", recipe, {with(-0.7)}), latents("small", recipe, {with(0)})) > 1e-4);
  // A window that is cut in two is one.
  CHECK(latents("small", recipe, {with(-0.7).steps(0, 2), with(-0.7).steps(2, 3)}) ==
        latents("small", recipe, {with(-0.7)}));
  auto two = recipe;
  two.seeds = {5, recipe.seeds[0]};
  two.controls = {with(-0.7)};
  CHECK(run("small", two).latents[1] == latents("small", recipe, {with(-0.7)}));
}

TEST_CASE("a prediction of 0 leaves the noise, whatever the prompt is") {
  auto recipe = short_run("small", 1);
  Control nothing{.effect = ZeroStarGuidance{.zero_steps = 1}};
  const auto noise = latents("small", recipe, {nothing, guide_by(Perturb::identity, 2), rescaled_guidance(0.5)});
  recipe.prompt = "the sea";
  CHECK(latents("small", recipe, {nothing}) == noise);
}

TEST_CASE("FreeU acts at the joints that where names, in the rows that it names") {
  const auto recipe = short_run("small");
  const FreeU numbers{.b1 = 1.2, .b2 = 1.3, .s1 = 0.8, .s2 = 0.4};
  auto first = numbers, second = numbers;
  first.b2 = first.s2 = 1, second.b1 = second.s1 = 1;
  const auto both = latents("small", recipe, {freeu(numbers)});
  CHECK(latents("small", recipe, {freeu(first), freeu(second)}) == both);
  CHECK(latents("small", recipe, {freeu(numbers).at("output:0")}) == latents("small", recipe, {freeu(first)}));
  CHECK(latents("small", recipe, {freeu(numbers).on(Rows::cond), freeu(numbers).on(Rows::uncond)}) == both);
  CHECK(latents("small", recipe, {freeu(numbers).at("output:1.0"), freeu(numbers).at("output:0, output:1.1")}) == both);
}

TEST_CASE("tokens change places the same way every time, and one alone stays") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto by = guide_by(Perturb::tokens, 3);
    const auto once = latents(family, recipe, {by});
    CHECK(latents(family, recipe, {by}) == once);
    CHECK(latents(family, recipe, {by.within(rectangle(0, 0, 1, 1))}) == once);
    // A hundredth of the picture is no token's half.
    const auto corner = by.within(rectangle(0, 0, 0.01, 0.01));
    CHECK(relative_error(latents(family, recipe, {corner}), latents(family, recipe)) <= kNear);
  }
}

TEST_CASE("a blurred call adds its scale times what the blur changes, with guidance and without") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    for (const double guidance : {4.0, 1.0}) {
      auto recipe = short_run(family, 1);  // one step: the latents are affine in what was predicted
      recipe.guidance = guidance;
      const auto plain = latents(family, recipe), one = latents(family, recipe, {guide_by(Perturb::map, 1)});
      CHECK(relative_error(one, plain) > 1e-5);
      CHECK(relative_error(latents(family, recipe, {guide_by(Perturb::map, -2)}), further(plain, -2, one)) <= kNear);
      // Nothing is looked at more than this.
      const Control nowhere{.effect = GuideBy{.perturb = Perturb::map, .threshold = 1e6}};
      CHECK(relative_error(latents(family, recipe, {nowhere}), plain) <= kNear);
      // Two that do the same add up.
      CHECK(relative_error(latents(family, recipe, {guide_by(Perturb::map, 1), guide_by(Perturb::map, 2)}),
                           further(plain, 3, one)) <= kNear);
    }
  }
}

TEST_CASE("what a blurred call sees is what Diffusers' pipeline makes of the same map") {
  const Golden golden("guidance");
  const double error = engine::Engine::instance().run([&] {
    const auto x0 = golden.nhwc("degraded/x0"), looked_at = golden.array("degraded/looked_at");
    pipeline::Looks looks;
    for (const int image : {0, 1})
      looks.tell({}, {image, control::kNegative}, mx::slice(looked_at, {image, 0}, {image + 1, 24}));
    const control::BlurredCall call{.sites = {true}, .grid = {4, 6}, .images = {0, 1}};
    const sampler::Training training{.alphas_cumprod = {}, .prediction = Prediction::sample};
    const auto made = pipeline::blurred_input(call, looks, training, x0, x0, 1);
    auto most = mx::max(mx::abs(made - golden.nhwc("degraded/out")));
    return double(most.item<float>());
  });
  CHECK(error < 1e-5);
}

TEST_CASE("an image of a batch that some make blurred calls for is itself alone") {
  auto recipe = short_run("small");
  recipe.seeds = {3, 4, 5};
  recipe.controls = {guide_by(Perturb::map, 2).for_images({1})};
  const auto batch = run("small", recipe).latents;
  recipe.controls.clear();
  const auto plain = run("small", recipe).latents;
  CHECK(batch[0] == plain[0]);
  CHECK(batch[2] == plain[2]);
  recipe.seeds = {4}, recipe.controls = {guide_by(Perturb::map, 2)};
  CHECK(run("small", recipe).latents[0] == batch[1]);
}

TEST_CASE("what means nothing together, or acts nowhere, is refused by name") {
  CHECK(says(refused({frequency_guidance(2, 8), skimmed_guidance()}), "skimmed_guidance"));
  CHECK(says(refused({frequency_guidance(2, 8), thresholded_guidance()}), "thresholded_guidance"));
  CHECK(refused({frequency_guidance(2, 8).steps(0, 1), thresholded_guidance().steps(1, 2)}) == "");
  CHECK(says(refused({tangential_guidance()}, 4, "a cat AND a dog"), "AND"));
  CHECK(refused({rescaled_guidance()}, 4, "a cat AND a dog") == "");
  CHECK(says(refused({zero_star_guidance()}, 1), "guidance above 1"));
  CHECK(says(refused({freeu({.b1 = 2}), freeu({.s1 = 0.5})}),
             "[controls[1]] controls[0] changes the features at up_blocks.0"));
  CHECK(says(refused({freeu({.b1 = 2}).at("output:2")}), "controls[0].where"));
  CHECK(says(refused({freeu({.b1 = 2}).at("input:0")}), "controls[0].where"));
  CHECK(says(refused({freeu({.version = 3})}), "controls[0].version"));
  CHECK(says(refused({guide_by(Perturb::map, 1).at("input:0, middle:0")}), "controls[0].where"));
  CHECK(says(refused({guide_by(Perturb::map, 1).within(circle(0.5, 0.5, 0.2))}), "controls[0].region"));
  CHECK(says(refused({guide_by(Perturb::map, 1).for_heads({0})}), "controls[0].heads"));
  CHECK(says(refused({guide_by(Perturb::tokens, 1).for_heads({0})}), "controls[0].heads"));
  CHECK(says(refused({Control{.effect = GuideBy{.threshold = 2}}}), "controls[0].threshold"));
  CHECK(says(refused({projected(0, 15, 1, kPrediction)}), "controls[0].momentum"));
  CHECK(says(refused({projected(0, -1, 0, kPrediction)}), "controls[0].limit"));
  CHECK(says(refused({thresholded_guidance(7, 0)}), "controls[0].percentile"));
  CHECK(says(refused({skimmed_guidance(-1)}), "controls[0].scale"));
}

TEST_CASE("explain says what each of them is asked to do") {
  auto recipe = short_run("small");
  recipe.controls = {freeu({.b1 = 1.2}), guide_by(Perturb::map, 2), tangential_guidance(0.5), thresholded_guidance(3)};
  const auto told = explain(recipe);
  CHECK(says(told.text, "places where features meet"));
  CHECK(says(told.text, "then the negative again, blurred by [1]"));
  const auto json = io::parse_json(told.json, "explanation");
  CHECK(json["calls"][0]["shape"]["tangential"] == 0.5);
  CHECK(json["calls"][0]["shape"]["threshold"]["mimic"] == 3);
  CHECK(json["calls"][0]["blurred"][0]["scale"] == 2);
  CHECK(json["controls"][0]["joints"].size() == 2);
}
