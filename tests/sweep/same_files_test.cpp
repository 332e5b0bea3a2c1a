// Cells of one sweep are drawn from the same files: another one is noticed, when going on and when shards are merged.

#include "sweep/files/same_files.h"

#include <doctest/doctest.h>

#include "sweep/runner.h"
#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
using test::small_sweep;
namespace fs = std::filesystem;

namespace {

/** Its pictures were drawn with these weights. */
struct WithWeights : test::Painter {
  explicit WithWeights(std::string from) : weights(std::move(from)) {}
  Drawn draw(const Recipe& recipe, const fs::path& folder) override {
    auto result = Painter::draw(recipe, folder);
    result.recipe.made_with.model = weights;
    if (result.recipe.init) result.recipe.init->sha256 = picture;
    return result;
  }
  std::string weights, picture;
};

SweepReport run(const Sweep& sweep, const SweepOptions& options, WithWeights painter) {
  return Runner(sweep, options, painter).run();
}

}  // namespace

TEST_CASE("shards drawn with different weights are not merged") {
  const Folder folder;
  run(small_sweep(), {.folder = folder / "0", .shard = 0, .shards = 2}, WithWeights("a"));
  run(small_sweep(), {.folder = folder / "1", .shard = 1, .shards = 2}, WithWeights("b"));
  CHECK_THROWS_WITH_AS(merge_sweeps({folder / "0", folder / "1"}, folder / "all"), doctest::Contains("the model"),
                       Error);
  CHECK_FALSE(fs::exists(folder / "all"));
  fs::remove_all(folder / "1");
  run(small_sweep(), {.folder = folder / "1", .shard = 1, .shards = 2}, WithWeights("a"));
  CHECK(merge_sweeps({folder / "0", folder / "1"}, folder / "all").done == 8);
}

TEST_CASE("a sweep does not go on with other weights, or with another picture of the same name") {
  const Folder folder;
  auto sweep = small_sweep();
  sweep.recipe = R"({"version": 1, "prompt": "a cat", "init": {"file": "cat.png", "strength": 0.5},
    "controls": [{"kind": "inject", "prompt": "a dragon"}]})";
  WithWeights first("a");
  first.picture = std::string(64, '1');
  first.before = [](int drawn) {
    if (drawn == 5) throw Error(ErrorCode::cancelled, "[test] enough");
  };
  CHECK_THROWS_AS(run(sweep, {.folder = folder / "s"}, first), Error);
  first.before = {};
  auto other = first;
  other.weights = "b";
  const SweepOptions on{.folder = folder / "s", .resume = true};
  CHECK_THROWS_WITH_AS(run(sweep, on, other), doctest::Contains("the model"), Error);
  other = first;
  other.picture = std::string(64, '2');
  CHECK_THROWS_WITH_AS(run(sweep, on, other), doctest::Contains("cat.png"), Error);
  CHECK(run(sweep, on, first).done == 8);
}

TEST_CASE("different models of one sweep, and files of different names, do not disturb each other") {
  SameFiles files;
  Recipe one, two;
  one.model = "one", two.model = "two";
  const auto made = [](const char* model) { return io::Json{{"made_with", {{"model", model}}}}; };
  files.check(one, made("a"));
  files.check(two, made("b"));
  CHECK_THROWS_AS(files.check(one, made("b")), Error);
  const auto named = [](const char* file, const char* digest) {
    return io::Json{{"controls", {{{"kind", "lora"}, {"file", file}, {"sha256", digest}}}}};
  };
  const auto hinted = [&](const char* picture) {  // a ControlNet's picture, which is another cell's own
    auto recipe = named("net", "1");
    recipe["controls"][0]["data"] = picture;
    return recipe;
  };
  files.check({}, hinted("AAAA"));
  files.check({}, hinted("BBBB"));
  files.check({}, named("x", "1"));
  files.check({}, named("y", "2"));
  CHECK_THROWS_AS(files.check({}, named("x", "2")), Error);
}
