// LoRA by region, row and image, and strengths that change all the time: what stands beside the weights is what would
// be merged into them, where it acts, and nothing elsewhere.
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "lora_file.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<Control>;
using Kind = LoraFile::Kind;

// 16 x 16 tokens at the finest grid, 2 x 2 at the coarsest: halves are halves at each.
Recipe short_run(const std::string& family = "sd1", int steps = 3) {
  auto recipe = golden_recipe(family);
  recipe.width = recipe.height = 128, recipe.steps = steps, recipe.sampler = SamplerKind::euler;
  return recipe;
}

Result with(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

std::string refused(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return refusal([&] { run(family, recipe); });
}

double apart(const Result& a, const Result& b) {
  return relative_error(a.latents[0], b.latents[0]);
}

const Region kLeft = rectangle(0, 0, 0.5, 1), kRight = rectangle(0.5, 0, 0.5, 1);
// Their layers compute in it.
const double kExact = test_dtype() == ComputeType::bfloat16 ? 0.1 : 3e-5;
const double kMoved = test_dtype() == ComputeType::bfloat16 ? kExact : 100 * kExact;

Control unet_alone(Control control) {
  std::get<Lora>(control.effect).text_strength = 0;
  return control;
}

/** The strength, by a curve of too many numbers to merge them one by one. */
Curve trembling(double strength) {
  return {{0, strength}, {1, strength * (1 + 1e-6)}};
}

Controls with_last(Controls controls, Control last) {
  controls.push_back(std::move(last));
  return controls;
}

}  // namespace

TEST_CASE("law: what stands beside the weights is what is merged into them") {
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    const auto plain = run(family, recipe);
    for (const bool convolutions : {false, true}) {
      const LoraFile file(family, "block", 1, true, convolutions ? Kind::convolution : Kind::lora);
      const auto merged = with(family, recipe, {lora(file.path(), 0.8)});
      CHECK(apart(merged, plain) > kMoved);
      CHECK(apart(with(family, recipe, {lora(file.path(), trembling(0.8))}), merged) <= kExact);
    }
    const LoraFile time(family, "time_embedding", 1);  // has no pixels: merged at every step
    CHECK(apart(with(family, recipe, {lora(time.path(), trembling(0.8))}),
                with(family, recipe, {lora(time.path(), 0.8)})) <= kExact);
  }
}

TEST_CASE("law: a region of the whole picture is none, and two halves are the whole, for every kind of file") {
  const auto recipe = short_run();
  for (const auto kind : {Kind::lora, Kind::convolution, Kind::difference, Kind::norm}) {
    CAPTURE(static_cast<int>(kind));
    const LoraFile file("sd1", "block", 1, kind == Kind::lora, kind);
    const auto one = lora(file.path(), 0.8);
    const auto merged = with("sd1", recipe, {one});
    CHECK(with("sd1", recipe, {one.within(rectangle(0, 0, 1, 1))}).latents == merged.latents);
    const auto left = with("sd1", recipe, {one.within(kLeft)});
    CHECK(apart(with("sd1", recipe, {one.within(kLeft), one.within(kRight)}), merged) <= kExact);
    CHECK(apart(left, merged) > kMoved);
    CHECK(apart(left, run("sd1", recipe)) > kMoved);
  }
}

TEST_CASE("law: text encoders that change for a part of the picture make texts that it reads") {
  const LoraFile file("sd1", "nothing is called so", 3, true);
  const auto recipe = short_run();
  const auto one = lora(file.path());
  const auto left = with("sd1", recipe, {one.within(kLeft)}), merged = with("sd1", recipe, {one});
  CHECK(with("sd1", recipe, {one.within(kLeft), one.within(kRight)}).latents == merged.latents);
  CHECK(apart(left, merged) > 1e-5);
  CHECK(apart(left, run("sd1", recipe)) > 1e-5);
  CHECK(with("sd1", recipe, {unet_alone(one).within(kLeft)}).latents == run("sd1", recipe).latents);
}

TEST_CASE("law: other controls read what they read under a merged LoRA") {
  const LoraFile file("sd1", "block", 1);
  const Controls lists[] = {
      {inject("a dragon").at("middle:0, output:1").strength(0.5)},
      {reweight(Tokens(Tokens::Part::words), 3).within(kLeft)},
      {normalized_guidance("snow", 3)},
      {guide_by(GuideBy::Perturb::identity, 2).at("middle:0"), temperature(0.7)},
      {attend(kLeft, 0).within(kRight), smooth(0.3).at("fine")},
  };
  const auto recipe = short_run();
  for (const auto& list : lists) {
    CAPTURE(to_json(Recipe{.controls = list}));
    const auto merged = with("sd1", recipe, with_last(list, lora(file.path(), 0.8)));
    CHECK(apart(with("sd1", recipe, with_last(list, lora(file.path(), trembling(0.8)))), merged) <= kExact);
    const auto half = lora(file.path(), 0.8);
    CHECK(apart(with("sd1", recipe, with_last(with_last(list, half.within(kLeft)), half.within(kRight))),
                with("sd1", recipe, with_last(list, half))) <= kExact);
  }
}

TEST_CASE("law: images that look at each other do so under a LoRA beside the weights, too") {
  const LoraFile file("sd1", "block", 1);
  auto recipe = short_run();
  recipe.seeds = {3, 4};
  for (const auto& first : {share_image(0), prompt_to_prompt("a dragon in the park")}) {
    auto list = Controls{first};
    if (const auto* shared = std::get_if<Share>(&first.effect); shared && shared->image)
      list[0] = first.for_images({1});
    const auto merged = with("sd1", recipe, with_last(list, lora(file.path(), 0.8)));
    const auto beside = with("sd1", recipe, with_last(list, lora(file.path(), trembling(0.8))));
    CHECK(relative_error(beside.latents[1], merged.latents[1]) <= kExact);
    CHECK(has(refused("sd1", recipe, with_last(list, lora(file.path()).for_images({1}))),
              {"invalid_request: [controls[1].images] images look at each other"}));
  }
}

TEST_CASE("law: regions of no strength, and windows that meet, are as they are without a region") {
  const LoraFile file("sd1", "block", 1, true);
  const auto recipe = short_run("sd1", 4);
  const auto plain = run("sd1", recipe);
  const auto one = lora(file.path(), 0.8).within(kLeft);
  const auto whole = with("sd1", recipe, {one});
  CHECK(with("sd1", recipe, {one.strength(0)}).latents == plain.latents);
  CHECK(with("sd1", recipe, {one.steps(0, 2), one.steps(2, 4)}).latents == whole.latents);
  CHECK(with("sd1", recipe, {one.steps(0, 2)}).latents != whole.latents);
  CHECK(with("sd1", recipe, {one.strength({{0, 0.8}, {0.5, 0.8}, {0.5, 0}})}).latents ==
        with("sd1", recipe, {one.steps(0, 2)}).latents);
  CHECK(run("sd1", recipe).latents == plain.latents);
}

TEST_CASE("law: rows and images that a LoRA leaves out keep their bits") {
  const LoraFile file("sd1", "", 1, true);
  auto recipe = short_run();
  const auto one = lora(file.path(), 0.8);
  for (const auto& place : {one, one.at("input, middle, output").within(kLeft)}) {
    const auto both = with("sd1", recipe, {place});
    CHECK(with("sd1", recipe, {place.on(Rows::both)}).latents == both.latents);
    if (!place.region)
      CHECK(with("sd1", recipe, {place.on(Rows::cond), place.on(Rows::uncond)}).latents == both.latents);
    CHECK(with("sd1", recipe, {place.on(Rows::cond)}).latents != both.latents);
    auto negative = recipe;  // u + 0 (c - u)
    negative.guidance = 0, negative.compat = Compat::comfy;
    CHECK(with("sd1", negative, {place.on(Rows::cond)}).latents == run("sd1", negative).latents);
    CHECK(with("sd1", negative, {place.on(Rows::uncond)}).latents == with("sd1", negative, {place}).latents);
  }
  recipe.seeds = {3, 4, 5};
  const auto plain = run("sd1", recipe), whole = with("sd1", recipe, {one});
  const auto some = with("sd1", recipe, {one.for_images({1}), one.strength(0.3).for_images({2})});
  CHECK(some.latents[0] == plain.latents[0]);
  CHECK(some.latents[1] == whole.latents[1]);
  CHECK(some.latents[2] == with("sd1", recipe, {one.strength(0.3)}).latents[2]);
}

TEST_CASE("strengths by block are those of the layers in LDM's blocks") {
  const LoraFile file("sd1", "", 1, true), large("sdxl", "", 1, true);
  auto recipe = short_run();
  const auto with_blocks = [](const LoraFile& of, std::vector<double> blocks) {
    auto control = lora(of.path(), 0.8);
    std::get<Lora>(control.effect).blocks = std::move(blocks);
    return control;
  };
  const auto texts = [](Control control, double strength) {
    std::get<Lora>(control.effect).text_strength = strength;
    return control;
  };
  std::vector<double> middle(17), most(17, 1);
  middle[0] = 0.5, middle[7] = 1, most[8] = -0.25;
  const auto one = lora(file.path(), 0.8);
  CHECK(with("sd1", recipe, {with_blocks(file, middle)}).latents ==
        with("sd1", recipe, {texts(one.at("middle:0"), 0.4)}).latents);
  const auto all = "ldm:input_1, ldm:input_2, ldm:input_4, ldm:input_5, middle:0, ldm:output_4, ldm:output_5";
  CHECK(apart(with("sd1", recipe, {with_blocks(file, most).at(all), with_blocks(file, most).at("ldm:output_3")}),
              with("sd1", recipe, {one.at(all), one.strength(-0.2).at("ldm:output_3")})) <= kExact);
  std::vector<double> xl(12);
  xl[2] = 1;
  CHECK(with("sdxl", short_run("sdxl"), {with_blocks(large, xl)}).latents ==
        with("sdxl", short_run("sdxl"), {lora(large.path(), 0.8).at("ldm:input_5")}).latents);
  CHECK(has(refused("sd1", recipe, {with_blocks(file, xl)}), {"[controls[0].blocks] 12 numbers; expected 17"}));
  CHECK(has(refused("sd1", recipe, {with_blocks(file, {1, 2})}), {"[controls[0].blocks] 2 numbers; expected 17"}));
  CHECK(has(refused("sd1", recipe, {with_blocks(file, std::vector<double>(17, NAN))}), {"[controls[0].blocks]"}));
}

TEST_CASE("what no region, row or image can have is refused by name") {
  const LoraFile file("sd1", "", 1), attention("sd1", "attn", 1);
  auto recipe = short_run();
  CHECK(has(refused("sd1", recipe, {lora(file.path()).within(kLeft)}),
            {"[controls[0].region] the file changes time_embedding.linear_1", "\"where\": \"input, middle, output\""}));
  const auto one = lora(attention.path());
  CHECK(has(refused("sd1", recipe, {one.within(rectangle(2, 2, 1, 1))}), {"[controls[0].region] the region is empty"}));
  CHECK(has(refused("sd1", recipe, {one.for_images({1})}), {"[controls[0].images[0]] image 1"}));
  CHECK(has(refused("sd1", recipe, {one.for_heads({0})}), {"[controls[0].heads]"}));
  recipe.guidance = 1;
  CHECK(has(refused("sd1", recipe, {one.on(Rows::uncond)}), {"[controls[0].rows] no negative prompt"}));
}

TEST_CASE("explain says which form a LoRA takes and what it costs, and the estimate counts it") {
  const LoraFile file("sd1", "attn", 1), whole("sd1", "attn", 1, false, Kind::difference);
  auto recipe = short_run();
  const auto told = [&](const Control& control) {
    recipe.controls = {control};
    return explain(recipe);
  };
  const auto merged = told(lora(file.path())), beside = told(lora(file.path()).within(kLeft));
  CHECK(merged.text.find("merged into the weights: a call takes as long as without") != merged.text.npos);
  CHECK(beside.text.find("beside the weights: products of rank 2") != beside.text.npos);
  CHECK(beside.text.find("region on the 16x16 grid: 128 of 256 cells") != beside.text.npos);
  CHECK(told(lora(whole.path()).within(kLeft)).text.find("twice as long") != std::string::npos);
  CHECK(io::parse_json(merged.json, "explanation")["controls"][0]["form"] == "merged");
  CHECK(io::parse_json(beside.json, "explanation")["controls"][0]["form"] == "beside");
  const auto bytes = [&](Controls controls) {
    recipe.controls = std::move(controls);
    return tiny("sd1").estimate({recipe, {}, false}).bytes;
  };
  CHECK(bytes({lora(file.path()).within(kLeft)}) > bytes({}));
  // Of a whole difference, which is held times its strength, those of one call are counted.
  const auto left = lora(whole.path(), 0.8).within(kLeft), right = lora(whole.path(), 0.3).within(kRight);
  const auto along = left.strength({{0, 0.1}, {1, 0.8}});
  CHECK(bytes({along}) == bytes({left}));
  CHECK(bytes({left, right}) - bytes({}) == 2 * (bytes({left}) - bytes({})));
}

TEST_CASE("law: whole differences that are held times their strengths are those of each call") {
  const LoraFile file("sd1", "block", 1, false, Kind::difference);
  const auto recipe = short_run("sd1", 3);
  const auto left = lora(file.path(), 0.8).within(kLeft), right = lora(file.path(), 0.3).within(kRight);
  const auto both = with("sd1", recipe, {left, right});
  CHECK(apart(both, with("sd1", recipe, {left})) > kMoved);
  CHECK(apart(with("sd1", recipe, {left.strength(trembling(0.8)), right.strength(trembling(0.3))}), both) <= kExact);
  const auto curve = left.strength({{0, 0.8}, {0.25, 0.8}, {0.25, 0.3}, {0.75, 0.3}, {0.75, 0.8}, {1, 0.8}});
  const auto windows = with("sd1", recipe, {left.steps(0, 1), left.strength(0.3).steps(1, 2), left.steps(2, 3)});
  CHECK(with("sd1", recipe, {curve}).latents == windows.latents);
}

TEST_CASE("law: more sets of weights in a call than are kept between calls are those of each image alone") {
  const LoraFile files[] = {{"sd1", "attn", 1}, {"sd1", "attn", 2}, {"sd1", "attn", 3}};
  auto recipe = short_run();
  recipe.seeds = {3, 4, 5};
  Controls each;
  for (int i = 0; i < 3; ++i) each.push_back(lora(files[i].path(), 0.8).for_images({i}));
  const auto together = with("sd1", recipe, each);
  for (int i = 0; i < 3; ++i) {
    auto alone = recipe;
    alone.seeds = {recipe.seeds[static_cast<size_t>(i)]};
    CHECK(with("sd1", alone, {lora(files[i].path(), 0.8)}).latents[0] == together.latents[static_cast<size_t>(i)]);
  }
}

TEST_CASE("explain names the calls in which some row has the change") {
  const LoraFile file("sd1", "attn", 1);
  auto recipe = short_run("sd1", 4);
  const auto negative = lora(file.path()).on(Rows::uncond);
  recipe.controls = {guidance(1).steps(2, 4), negative};
  CHECK(explain(recipe).text.find("acts on 2 of 4 steps (0..1)") != std::string::npos);
  const auto told = with("sd1", recipe, recipe.controls);
  CHECK(told.latents == with("sd1", recipe, {guidance(1).steps(2, 4), negative.steps(0, 2)}).latents);
}
