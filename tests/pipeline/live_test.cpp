// Controls that are changed while a run goes on, and the recipes that repeat such runs.
#include <atomic>
#include <doctest/doctest.h>
#include <thread>

#include "corepulse/live_controls.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kOther = "a dragon on the beach, watercolor";
const Control kDragon = inject(kOther);

using Controls = std::vector<Control>;
/** By steps done: the lists given then, one after the other. */
using Script = std::map<int, std::vector<Controls>>;

Recipe short_run(SamplerKind sampler, int steps = 5) {
  auto recipe = golden_recipe("small");
  recipe.steps = steps;
  recipe.sampler = sampler;
  return recipe;
}

struct Played {
  Result result;
  std::vector<std::string> errors;
};

Played play(const Recipe& recipe, const Script& script, const std::string& family = "small") {
  Played played;
  Request request{.recipe = recipe, .decode = false, .live = std::make_shared<LiveControls>()};
  request.progress = [&](const Progress& at) {
    if (const auto lists = script.find(at.step); lists != script.end())
      for (const auto& controls : lists->second) {
        try {
          request.live->set(controls);
        } catch (const Error& e) {
          CHECK(e.code() == ErrorCode::invalid_request);
          played.errors.push_back(e.what());
        }
      }
    return true;
  };
  played.result = tiny(family).generate(request);
  return played;
}

/** The result's recipe, through JSON. */
Result replay(const Result& result) {
  return run("small", recipe_from_json(to_json(result.recipe)));
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a live edit acts from the next step on, and the result's recipe repeats its bits") {
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun, SamplerKind::dpmpp_2m_sde}) {
    const auto recipe = short_run(sampler);
    for (const int step : {1, 2, 4}) {
      CAPTURE(step);
      const auto [result, errors] = play(recipe, {{step, {{kDragon}}}});
      CHECK(errors.empty());
      CHECK(result.recipe.edits == std::vector<LiveEdit>{{step, {kDragon}}});
      auto window = recipe;
      window.controls = {inject(kOther).steps(step, 5)};
      CHECK(result.latents == run("small", window).latents);
      CHECK(result.latents != run("small", recipe).latents);
      CHECK(result.latents == replay(result).latents);
    }
  }
}

TEST_CASE("several edits follow one another, and of several before one step the last counts") {
  for (const auto sampler : {SamplerKind::euler, SamplerKind::heun}) {
    auto recipe = short_run(sampler, 6);
    recipe.controls = {reweight("cat", 2), inject("snow").strength(0.5)};
    const Controls second{inject("a ship").strength(0.3).within(circle(0.5, 0.5, 0.3)), guidance(3)};
    const auto [result, errors] =
        play(recipe, {{1, {{kDragon}}}, {2, {{inject("a bird")}, second}}, {4, {{}}}, {5, {{negative("blurry")}}}});
    CHECK(errors.empty());
    CHECK(result.recipe.edits ==
          std::vector<LiveEdit>{{1, {kDragon}}, {2, second}, {4, {}}, {5, {negative("blurry")}}});
    CHECK(result.latents == replay(result).latents);
  }
}

TEST_CASE("a wrong edit is told to whoever gave it, and the run goes on with the controls it had") {
  const auto recipe = short_run(SamplerKind::euler);
  const auto [result, errors] = play(recipe, {{1, {{kDragon}, {reweight("zebra", 2)}}},
                                              {2, {{kDragon, inject("x").at("output:77")}}},
                                              {3, {{temperature(-1)}}}});
  REQUIRE(errors.size() == 3);
  CHECK(contains(errors[0], "[controls[0]]"));
  CHECK(contains(errors[0], "zebra"));
  CHECK(contains(errors[1], "[controls[1].where]"));
  CHECK(contains(errors[2], "[controls[0].value]"));
  CHECK(result.recipe.edits == std::vector<LiveEdit>{{1, {kDragon}}});
  CHECK(result.latents == play(recipe, {{1, {{kDragon}}}}).result.latents);
}

TEST_CASE("edits that no step is left for, or that no run takes, are refused") {
  const auto recipe = short_run(SamplerKind::euler, 3);
  const auto [result, errors] = play(recipe, {{3, {{kDragon}}}});
  REQUIRE(errors.size() == 1);
  CHECK(contains(errors[0], "last"));
  CHECK(result.recipe.edits.empty());
  CHECK(result.latents == run("small", recipe).latents);
  LiveControls idle;
  CHECK_THROWS_AS(idle.set({kDragon}), Error);
}

TEST_CASE("the channel opens again for the next run, also after one that was stopped") {
  Request request{
      .recipe = short_run(SamplerKind::euler, 3), .decode = false, .live = std::make_shared<LiveControls>()};
  request.progress = [](const Progress&) { return false; };
  CHECK_THROWS_AS(tiny("small").generate(request), Error);
  CHECK_THROWS_AS(request.live->set({}), Error);
  request.progress = [&](const Progress& at) { return at.step == 1 ? request.live->set({kDragon}), true : true; };
  CHECK(tiny("small").generate(request).recipe.edits.size() == 1);
}

TEST_CASE("an edit from another thread before the first step acts from step 0 on") {
  const auto& pipeline = tiny("small");
  Request waiting{.recipe = short_run(SamplerKind::heun, 3), .decode = false, .live = std::make_shared<LiveControls>()};
  Result result;
  std::thread thread;
  // While this run holds the engine, the other one has begun but made no step.
  Request holding{.recipe = short_run(SamplerKind::euler, 1), .decode = false};
  holding.progress = [&](const Progress&) {
    thread = std::thread([&] { result = pipeline.generate(waiting); });
    for (bool taken = false; !taken;) {
      try {
        waiting.live->set({kDragon});
        taken = true;
      } catch (const Error&) {
        std::this_thread::yield();
      }
    }
    return true;
  };
  pipeline.generate(holding);
  thread.join();
  CHECK(result.recipe.edits == std::vector<LiveEdit>{{0, {kDragon}}});
  CHECK(result.latents == replay(result).latents);
  auto whole = waiting.recipe;
  whole.controls = {kDragon};
  CHECK(result.latents == run("small", whole).latents);
}

TEST_CASE("edits given all the time from another thread are all checked, and those that acted repeat") {
  Request request{
      .recipe = short_run(SamplerKind::euler, 8), .decode = false, .live = std::make_shared<LiveControls>()};
  std::atomic<int> given = 0;
  std::thread thread;
  bool over = false;
  request.progress = [&](const Progress& at) {
    if (at.step > 1) return true;
    // The steps wait for the first edit: a thread may begin later than a small model ends.
    thread = std::thread([&] {
      while (!over) {
        try {
          request.live->set({inject("a ship").strength(0.1 + 0.8 / (1 + given))});
          ++given, given.notify_one();
        } catch (const Error&) {
          over = true;  // the last step has begun
          if (given == 0) given = -1, given.notify_one();
        }
      }
    });
    given.wait(0);
    return true;
  };
  const auto result = tiny("small").generate(request);
  thread.join();
  CHECK(given > 0);
  CHECK_FALSE(result.recipe.edits.empty());
  CHECK(result.latents == replay(result).latents);
}

TEST_CASE("live edits work on batches, and each picture's own recipe repeats it alone") {
  auto recipe = short_run(SamplerKind::heun, 4);
  recipe.seeds = {3, 4};
  const auto [result, errors] = play(recipe, {{1, {{reweight("cat", 2), inject(kOther).for_images({1})}}},
                                              {2, {{kDragon}, {temperature(0.5).for_images({0})}}}});
  CHECK(errors.empty());
  CHECK(result.latents == replay(result).latents);
  for (int i = 0; i < 2; ++i) {
    const auto alone = recipe_from_json(image_text(result, i).at("corepulse"));
    CHECK(alone.seeds.size() == 1);
    CHECK(alone.edits.at(0).controls.size() == (i == 1 ? 2 : 1));
    CHECK(run("small", alone).latents.at(0) == result.latents[i]);
  }
}

TEST_CASE("an edit that lets images look at each other leaves the steps before it alone") {
  auto recipe = short_run(SamplerKind::euler, 4);
  recipe.seeds = {3, 4};
  const auto [result, errors] = play(recipe, {{2, {{share_image(0).for_images({1})}}}, {3, {{}}}});
  CHECK(errors.empty());
  CHECK(result.latents == replay(result).latents);
  CHECK(relative_error(result.latents[0], run("small", recipe).latents[0]) <= 1e-4);
  CHECK(relative_error(result.latents[1], run("small", recipe).latents[1]) > 1e-3);
  CHECK(recipe_from_json(image_text(result, 1).at("corepulse")).seeds.size() == 2);  // it needs the other
}

TEST_CASE("a live edit keeps to the recipe's own edits, and captures go on through it") {
  auto recipe = short_run(SamplerKind::euler);
  recipe.edits = {{3, {inject("a ship"), capture("cat")}}};
  const auto [result, errors] = play(recipe, {{1, {{kDragon, capture("cat")}}}});
  CHECK(errors.empty());
  CHECK(result.recipe.edits ==
        std::vector<LiveEdit>{{1, {kDragon, capture("cat")}}, {3, {inject("a ship"), capture("cat")}}});
  REQUIRE(result.heat_maps.size() == 1);
  const auto again = replay(result);
  CHECK(result.latents == again.latents);
  CHECK(result.heat_maps[0].values == again.heat_maps.at(0).values);
}

TEST_CASE("what an edit leaves unchanged is noted with its step") {
  const auto [result, errors] = play(short_run(SamplerKind::euler), {{2, {{inject("x").strength(0)}}}});
  CHECK(errors.empty());
  CHECK(contains(result.notes.back(), "edit at step 2: control inject \"x\" changes nothing"));
}

TEST_CASE("explain shows the controls before and after each edit") {
  auto recipe = short_run(SamplerKind::euler);
  recipe.controls = {reweight("cat", 2)};
  recipe.edits = {{2, {kDragon}}};
  const auto explained = explain(recipe);
  const auto& text = explained.text;
  CHECK(contains(text, "reweight \"cat\""));
  CHECK(text.find("inject \"a dragon") > text.find("from step 2 on, edited"));
  const auto program = io::parse_json(explained.json, "explain");
  CHECK(program["controls"][0]["title"] == "reweight \"cat\"");
  CHECK(program["edits"][0]["step"] == 2);
  CHECK(program["edits"][0]["program"]["controls"].size() == 1);
}

TEST_CASE("a recipe's edits out of order or beyond the run are refused by name") {
  auto recipe = short_run(SamplerKind::euler, 4);
  const auto refusal = [&](std::vector<LiveEdit> edits) -> std::string {
    recipe.edits = std::move(edits);
    try {
      run("small", recipe);
    } catch (const Error& e) {
      CHECK(e.code() == ErrorCode::invalid_request);
      return e.what();
    }
    return "accepted";
  };
  CHECK(contains(refusal({{4, {}}}), "[edits[0].step] 4"));
  CHECK(contains(refusal({{-1, {}}}), "[edits[0].step] -1"));
  CHECK(contains(refusal({{2, {}}, {1, {}}}), "[edits[1].step] 1; expected edits in order of steps, here 2..3"));
  CHECK(contains(refusal({{2, {inject("x").at("output:9")}}}), "[edits[0].controls[0].where]"));
}
