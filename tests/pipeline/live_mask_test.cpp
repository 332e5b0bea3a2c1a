// Regions that follow where words are looked at while the run goes on, and latents that are mixed behind its steps.
#include <algorithm>

#include "corepulse/live_controls.h"

#include "io/base64.h"
#include "io/picture/image_format.h"
#include "lora_file.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

// It has the word, too: pixels that read a text without it do not look at it.
const char* const kBeach = "a cat on the beach";

using Latents = std::vector<std::vector<float>>;

Recipe short_run(std::vector<Control> controls, std::vector<uint64_t> seeds = {3}) {
  auto recipe = golden_recipe("small");
  recipe.steps = 3, recipe.prompt = "a red cat in a park";
  recipe.seeds = std::move(seeds);
  recipe.controls = std::move(controls);
  return recipe;
}

/** 1 where the map is at least that share of its largest value, as a picture. */
Region by_hand(const HeatMap& map, float threshold) {
  const float most = *std::max_element(map.values.begin(), map.values.end());
  Image grey{map.width, map.height, {}, {}};
  for (const float value : map.values) grey.pixels.insert(grey.pixels.end(), 3, value >= threshold * most ? 255 : 0);
  return {.shape = Region::Shape::picture, .data = io::to_base64(io::encode_png(grey, {}))};
}

Latents drawn(const Recipe& recipe) {
  return run("small", recipe).latents;
}

Control beach_within(const Region& region) {
  return inject(kBeach).within(region);
}

Region of_image(Region region, int image) {
  region.image = image;
  return region;
}

std::string refused(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_request);
    return error.what();
  }
  return "accepted";
}

std::string refused(Region region) {
  return refused(short_run({beach_within(std::move(region))}));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("a region that follows words is everywhere in the first step, then where the steps before looked at them") {
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun}) {
    const auto of = [&](std::vector<Control> controls) {
      auto recipe = short_run(std::move(controls));
      recipe.sampler = sampler;
      return recipe;
    };
    const auto live = beach_within(looked_at("cat", 0.8));
    const auto result = run("small", of({live, capture("cat", "one").steps(0, 1), capture("cat", "two").steps(0, 2)}));
    REQUIRE(result.heat_maps.size() == 2);
    auto recipe = of({inject(kBeach)});
    for (int step = 1; step < 3; ++step)
      recipe.edits.push_back({step, {beach_within(by_hand(result.heat_maps[size_t(step) - 1], 0.8f))}});
    CHECK(drawn(recipe) == result.latents);
    CHECK(drawn(of({inject(kBeach)})) != result.latents);
    const auto alone = run("small", of({live}));
    CHECK(alone.latents == result.latents);
    CHECK(alone.heat_maps.empty());
    CHECK(drawn(recipe_from_json(to_json(alone.recipe))) == result.latents);
  }
}

TEST_CASE("a region that follows words is in a batch as alone; threshold 0 is everywhere, not of that nowhere") {
  const auto all = drawn(short_run({beach_within(looked_at("cat", 0.8))}, {3, 4}));
  CHECK(Latents{all[1]} == drawn(short_run({beach_within(looked_at("cat", 0.8))}, {4})));
  const auto others = drawn(short_run({beach_within(of_image(looked_at("cat", 0.8), 0))}, {3, 4}));
  CHECK(others[0] == all[0]);
  CHECK(others[1] != all[1]);
  CHECK(drawn(short_run({beach_within(looked_at("cat", 0))})) == drawn(short_run({inject(kBeach)})));
  CHECK(drawn(short_run({beach_within(!looked_at("cat", 0))})) == drawn(short_run({})));
  CHECK(drawn(short_run({beach_within(looked_at("cat", 0) * rectangle(0, 0, 0.5, 1))})) ==
        drawn(short_run({beach_within(rectangle(0, 0, 0.5, 1))})));
}

TEST_CASE("regions of regions and of attend follow words, too; a second pass begins anew; explain says it") {
  const auto cat = looked_at("cat", 0.8);
  auto recipe = short_run({regions({{kBeach, cat}, {"snow", !cat}}), attend(cat, 0.2)});
  recipe.second_pass = SecondPass{.scale = 1.25, .strength = 0.9, .steps = 2};
  const auto result = run("small", recipe);
  CHECK(drawn(recipe_from_json(to_json(result.recipe))) == result.latents);
  const auto told = explain(short_run({beach_within(!cat), reweight("park", 2).within(of_image(cat, 0) + cat)}));
  CHECK(contains(told.text, "region follows where the steps before look at \"cat\" in image 0, \"cat\""));
  const auto json = io::parse_json(told.json, "explanation");
  CHECK(json["controls"][0]["state"] == "acts");
  CHECK(json["controls"][0]["calls"] == std::vector{1, 2});  // nowhere in the first step
  CHECK(json["controls"][0]["follows"][0]["words"] == std::vector<std::string>{"\"cat\""});
  CHECK(json["captures"].empty());
}

TEST_CASE("a barrier that follows words is left out of steps in which it leaves nothing to look at") {
  const auto plain = drawn(short_run({}));
  CHECK(drawn(short_run({attend(looked_at("cat", 0), 0)})) == plain);
  CHECK(drawn(short_run({attend(looked_at("cat", 0.8), 0)})) != plain);
  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  CHECK(contains(refused(short_run({attend(left, 0), attend(right, 0)})), "every pixel is barred"));
  const auto follows = attend(looked_at("cat", 0) * right, 0).steps(1, 3);
  auto by_hand = short_run({attend(left, 0)});
  CHECK(drawn(short_run({attend(left, 0), follows})) == drawn(by_hand));
  by_hand.edits.push_back({1, {attend(right, 0)}});
  CHECK(drawn(short_run({follows, attend(left, 0)})) == drawn(by_hand));
}

TEST_CASE("a region given while the run goes on has seen what one of the same words had seen") {
  Request request{.recipe = short_run({beach_within(looked_at("cat", 0.8))}),
                  .decode = false,
                  .live = std::make_shared<LiveControls>()};
  request.progress = [&](const Progress& at) {
    if (at.step == 1) request.live->set({inject("snow").within(looked_at("cat", 0.6))});
    return true;
  };
  const auto result = tiny("small").generate(request);
  REQUIRE(result.recipe.edits.size() == 1);
  CHECK(drawn(recipe_from_json(to_json(result.recipe))) == result.latents);
  auto fresh = result.recipe;
  fresh.controls = {inject(kBeach)};
  CHECK(drawn(fresh) != result.latents);  // which has seen nothing at step 1
}

TEST_CASE("a region that follows words says what is wrong with it") {
  CHECK(refused(looked_at("fox")).find("[controls[0].region.phrase]") == 0);
  CHECK(refused(looked_at("")).find("[controls[0].region.phrase] no words") == 0);
  for (const double threshold : {-0.1, 2., std::nan("")})
    CHECK(refused(looked_at("cat", threshold)).find("[controls[0].region.threshold]") == 0);
  auto region = looked_at("cat");
  region.where = "output:9";
  CHECK(refused(region).find("[controls[0].region.where]") == 0);
  CHECK(refused(of_image(looked_at("cat"), 3) * circle(0.5, 0.5, 0.4)).find("[controls[0].region.parts[0].image]") ==
        0);
  auto deep = looked_at("cat");
  for (int i = 0; i < 33; ++i) deep = Region{.shape = Region::Shape::add, .parts = {deep}};
  CHECK(contains(refused(deep), "nested deeper"));
  const auto edited = prompt_to_prompt("a red dog in a park");
  CHECK(contains(refused(short_run({edited, inject("snow").within(looked_at("cat"))}, {3, 3})), "image 1"));
  CHECK(refused(short_run({edited, inject("snow").within(of_image(looked_at("cat"), 0))}, {3, 3})) == "accepted");
  auto start = short_run({});
  start.init = InitPicture{.data = by_hand({"", 0, 2, 2, {0, 1, 1, 0}, {}}, 1).data, .mask = looked_at("cat")};
  CHECK(contains(refused(start), "nothing is looked at here"));
  const LoraFile file("small", "attn", 7);
  CHECK(refused(short_run({lora(file.path()).within(looked_at("cat"))})).find("[controls[0].region] lora draws it") ==
        0);
}

TEST_CASE("blend: images become another's behind steps, in a region, by a strength") {
  const std::vector<uint64_t> seeds{3, 4};
  const auto plain = drawn(short_run({}, seeds));
  CHECK(drawn(short_run({blend(0)}, seeds)) == Latents{plain[0], plain[0]});
  CHECK(drawn(short_run({blend(0, 0)}, seeds)) == plain);
  CHECK(drawn(short_run({blend(1).for_images({0})}, seeds)) == Latents{plain[1], plain[1]});
  CHECK(drawn(short_run({blend(0).within(looked_at("cat", 0))}, seeds)) == Latents{plain[0], plain[0]});
  CHECK(drawn(short_run({blend(0).within(!looked_at("cat", 0))}, seeds)) == plain);
  const auto half = drawn(short_run({blend(0).within(rectangle(0, 0, 0.5, 1))}, seeds));
  CHECK(half[0] == plain[0]);
  const auto recipe = short_run({});
  const int width = recipe.width / tiny("small").info().latent_downscale;
  for (size_t i = 0; i < half[1].size(); ++i) {
    const bool left = static_cast<int>(i) % width < width / 2;
    CHECK((half[1][i] == plain[0][i]) == left);
  }
}

TEST_CASE("blend in a region that follows words has seen the step that it acts behind") {
  const std::vector<uint64_t> seeds{3, 4};
  const auto live = run("small", short_run({blend(0).within(of_image(looked_at("cat", 0.8), 0))}, seeds)).latents;
  // Image 0 goes its own way, so its maps are those of a plain run.
  std::vector<Control> watch;
  for (int step = 0; step < 3; ++step) watch.push_back(capture("cat").steps(0, step + 1).for_images({0}));
  const auto maps = run("small", short_run(watch, seeds)).heat_maps;
  REQUIRE(maps.size() == 3);
  auto recipe = short_run({blend(0).within(by_hand(maps[0], 0.8f))}, seeds);
  for (int step = 1; step < 3; ++step)
    recipe.edits.push_back({step, {blend(0).within(by_hand(maps[size_t(step)], 0.8f))}});
  CHECK(drawn(recipe) == live);
  CHECK(live != drawn(short_run({}, seeds)));
}

TEST_CASE("blend says what is wrong with it") {
  CHECK(contains(refused(short_run({blend(0)})), "there is no other image than 0"));
  CHECK(refused(short_run({blend(2)}, {3, 4})).find("[controls[0].image]") == 0);
  CHECK(refused(short_run({blend(0, 2)}, {3, 4})).find("[controls[0].strength]") == 0);
  CHECK(refused(short_run({blend(0).within(rectangle(2, 0, 1, 1))}, {3, 4})).find("[controls[0].region]") == 0);
  CHECK(refused(short_run({blend(0).at("middle:0")}, {3, 4})).find("[controls[0].where]") == 0);
  CHECK(refused(short_run({blend(0).on(Rows::both)}, {3, 4})).find("[controls[0].rows]") == 0);
}
