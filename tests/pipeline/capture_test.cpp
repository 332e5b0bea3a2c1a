// Captures: they see what attention does, and change nothing.
#include <doctest/doctest.h>
#include <filesystem>
#include <numeric>

#include "pipeline/picture/resample.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kOther = "a dragon on the beach, watercolor";

Recipe short_run(const std::string& family, int steps = 4) {
  auto recipe = golden_recipe(family);
  recipe.steps = steps;
  return recipe;
}

Result with(const std::string& family, Recipe recipe, std::vector<Control> controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

const Tokens kAll(Tokens::Part::all);

double farthest(const std::vector<float>& values, double from) {
  double far = 0;
  for (const float v : values) far = std::max(far, std::abs(v - from));
  return far;
}

}  // namespace

TEST_CASE("captures change no bit of the picture") {
  for (const std::string family : {"sd1", "sdxl", "small"}) {
    CAPTURE(family);
    const auto recipe = short_run(family);
    for (const auto& edits :
         {std::vector<Control>{}, {inject(kOther).strength(0.5), temperature(0.5).at("middle:0")}}) {
      auto watched = edits;
      for (const char* where : {"", "middle:0", "output:1"}) watched.push_back(capture("cat", where).at(where));
      const auto result = with(family, recipe, watched);
      CHECK(result.latents == with(family, recipe, edits).latents);
      CHECK(result.heat_maps.size() == 3);
    }
  }
}

TEST_CASE("maps of all tokens are 1 everywhere, whatever is read") {
  const auto half = rectangle(0, 0, 0.5, 1), soft = rectangle(0.2, 0.1, 0.5, 0.6).feather(0.2);
  const std::vector<std::vector<Control>> edits{
      {},
      {inject(kOther).strength(0.3)},
      {inject(kOther).within(half), inject("snow").within(soft)},
      {reweight("cat", 4), value_gain("cat", 3)},
      {temperature(0.5, AttentionKind::cross)},
      {inject(kOther).strength(0.6).for_heads({0})},
  };
  for (const auto& edit : edits) {
    auto controls = edit;
    controls.push_back(capture(kAll, "all"));
    const auto maps = with("small", short_run("small"), controls).heat_maps;
    REQUIRE(maps.size() == 1);
    CHECK(farthest(maps[0].values, 1) <= 1e-5);
  }
}

TEST_CASE("the mean over all steps is the mean of the steps' own maps") {
  const auto recipe = short_run("small", 4);
  std::vector<Control> controls{capture("cat", "mean")};
  for (int i = 0; i < 4; ++i) controls.push_back(capture("cat", "step").steps(i, i + 1));
  const auto maps = with("small", recipe, controls).heat_maps;
  REQUIRE(maps.size() == 5);
  std::vector<float> mean(maps[0].values.size());
  for (int i = 1; i < 5; ++i)
    for (size_t j = 0; j < mean.size(); ++j) mean[j] += maps[i].values[j] / 4;
  CHECK(relative_error(maps[0].values, mean) <= 1e-6);
  CHECK(relative_error(maps[1].values, maps[4].values) > 1e-3);  // the steps do differ
}

TEST_CASE("maps of disjoint tokens add up, and reweighting moves them") {
  const auto recipe = short_run("small", 1);  // later steps look at another picture
  const auto maps = with("small", recipe,
                         {capture(Tokens::Part::start, "start"), capture(Tokens::Part::words, "words"),
                          capture(Tokens::Part::end, "end"), capture(Tokens::Part::padding, "padding")})
                        .heat_maps;
  REQUIRE(maps.size() == 4);
  std::vector<float> sum(maps[0].values.size());
  for (const auto& map : maps)
    for (size_t i = 0; i < sum.size(); ++i) sum[i] += map.values[i];
  CHECK(farthest(sum, 1) <= 1e-5);

  const auto one_head = [&](double scale) {
    return with("small", recipe, {capture("cat").at("middle:0").for_heads({0}), reweight("cat", scale).at("middle:0")})
        .heat_maps.at(0)
        .values;
  };
  const auto before = one_head(1), after = one_head(3);
  for (size_t i = 0; i < before.size(); ++i) CHECK(after[i] == doctest::Approx(3 * before[i] / (1 + 2 * before[i])));
}

TEST_CASE("heads, images and rows choose what is watched") {
  auto recipe = short_run("small", 2);
  recipe.seeds = {3, 4};
  const auto maps = with("small", recipe,
                         {capture("cat", "second").for_images({1}), capture("cat", "both"),
                          capture(kAll, "uncond").on(Rows::uncond), capture("cat", "head").for_heads({0})})
                        .heat_maps;
  std::vector<std::pair<std::string, int>> seen;
  for (const auto& map : maps) seen.emplace_back(map.name, map.image);
  CHECK(seen == std::vector<std::pair<std::string, int>>{
                    {"second", 1}, {"both", 0}, {"both", 1}, {"uncond", 0}, {"uncond", 1}, {"head", 0}, {"head", 1}});
  CHECK(maps[0].values == maps[2].values);
  CHECK(maps[1].values != maps[2].values);
  CHECK(farthest(maps[3].values, 1) <= 1e-5);
  CHECK(maps[5].values != maps[1].values);
}

TEST_CASE("a capture goes on through edits of the controls") {
  auto recipe = short_run("small", 4);
  const auto whole = with("small", recipe, {capture("cat")}).heat_maps;
  recipe.edits = {{2, {capture("cat")}}};
  const auto edited = with("small", recipe, {capture("cat")}).heat_maps;
  REQUIRE(edited.size() == 1);
  CHECK(edited[0].values == whole.at(0).values);
}

TEST_CASE("resampling by area keeps ones and means, and takes whole cells where sizes divide") {
  using pipeline::resample_area;
  const std::vector<double> ones(15, 1.0), numbers{1, 2, 3, 4, 5, 6};
  for (const double v : resample_area(ones, {3, 5}, {7, 9})) CHECK(v == doctest::Approx(1));
  const auto fine = resample_area(numbers, {2, 3}, {5, 7});
  CHECK(std::accumulate(fine.begin(), fine.end(), 0.0) / 35 == doctest::Approx(3.5));
  CHECK(resample_area({1, 2}, {1, 2}, {2, 4}) == std::vector<double>{1, 1, 2, 2, 1, 1, 2, 2});
  CHECK(pipeline::resample_linear({5}, {1, 1}, {2, 2}) == std::vector<double>(4, 5.0));
}

TEST_CASE("an overlay has the picture's size, and the picture's pixels at opacity 0") {
  const HeatMap map{"cat", 0, 2, 1, {0.1f, 0.9f}};
  const Image picture{4, 2, std::vector<uint8_t>(24, 128)};
  CHECK(overlay(map, picture, 0).pixels == picture.pixels);
  const auto hot = overlay(map, picture, 1);
  const auto light = [&](int x) { return hot.pixels[x * 3] + hot.pixels[x * 3 + 1] + hot.pixels[x * 3 + 2]; };
  CHECK(light(0) < light(1));
  CHECK(light(1) < light(2));
  CHECK(light(2) < light(3));
  CHECK_THROWS_AS(overlay({"cat", 0, 2, 2, {1, 2, 3}}, picture), Error);
  CHECK_THROWS_AS(overlay(map, {4, 2, {}}), Error);
  CHECK_THROWS_AS(overlay(map, picture, NAN), Error);
  CHECK_THROWS_AS(overlay({"cat", 0, 1, 1, {NAN}}, picture), Error);
}

TEST_CASE("a heat map is saved as .npy of its height and width") {
  const auto file = std::filesystem::temp_directory_path() / "corepulse_heat_map_test.npy";
  save_heat_map({"cat", 0, 2, 1, {0.25f, 0.5f}}, file);
  CHECK(std::filesystem::file_size(file) == 128 + 8);
  std::filesystem::remove(file);
}

TEST_CASE("the built-in model looks at \"cat\" where it draws the cat") {
  Recipe recipe;
  recipe.model = "builtin", recipe.prompt = "a cat in a park", recipe.seeds = {3}, recipe.steps = 3;
  const auto map = with("builtin", recipe, {capture("cat").at("output:0")}).heat_maps.at(0);
  REQUIRE(map.width == 8);
  double inside = 0, outside = 0;  // the cat stands in the middle four columns, from the third row to the seventh
  for (int y = 0; y < 8; ++y)
    for (int x = 0; x < 8; ++x) (x >= 2 && x < 6 && y >= 2 && y < 7 ? inside : outside) += map.values[y * 8 + x];
  CHECK(inside / 20 > 5 * outside / 44);
}
