// Recipes made to hurt: they end in bounded time and memory, with an error or a plan.
#include <algorithm>
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "control/program/explain.h"
#include "control/program/timeline.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;

ProgramInputs run() {
  return run_of(sd15_sites(), "a cat in a park");
}

}  // namespace

TEST_CASE("10,000 edits, or injections that replace each other, resolve") {
  Controls edits, injections;
  for (int i = 0; i < 10000; ++i) {
    edits.push_back(reweight("cat", 1 + 1e-4 * (i % 7)));
    injections.push_back(inject("a dragon " + std::to_string(i)));
  }
  CHECK(error_of(edits, run()).empty());  // within ProgramOptions::work: a pass over all pairs of edits would not be
  const auto program = Program::resolve(injections, run());
  CHECK(program.texts().size() == 3);  // only the last is ever read
  edits.push_back(reweight("cat", 2));
  CHECK(error_of(edits, run()) == "[controls] 10001 controls; expected at most 10000");
}

TEST_CASE("readings that pile up are an error") {
  Controls controls;
  for (int i = 0; i < 100; ++i) controls.push_back(inject("text " + std::to_string(i)).strength(0.01));
  CHECK(error_of(controls, run()).find("more than 64 readings of one row") != std::string::npos);
  Controls splits;
  for (int i = 0; i < 100; ++i) splits.push_back(reweight("cat", 2).within(circle(0.01 * i, 0.5, 0.3).feather(0.1)));
  CHECK_FALSE(error_of(splits, run()).empty());
}

TEST_CASE("10,000 soft regions with curves end in an error when they have cost enough") {
  Controls controls;
  for (int i = 0; i < 10000; ++i)
    controls.push_back(inject("snow").within(circle(1e-4 * i, 0.5, 0.3).feather(0.1)).strength({{0, 0}, {1, 0.5}}));
  auto inputs = run();
  inputs.calls = schedule(1000);
  const auto spent = [&](size_t work) {
    try {
      Program::resolve(controls, inputs, {.work = work});
    } catch (const Error& error) {
      CHECK(error.code() == ErrorCode::invalid_request);
      CHECK(std::string(error.what()).find("use fewer controls, curves or regions") != std::string::npos);
      return true;
    }
    return false;
  };
  CHECK(spent(50'000'000));
  controls.resize(3);
  CHECK_FALSE(spent(50'000'000));
}

TEST_CASE("numbers that overflow while they are multiplied do not become NaN in a plan") {
  Controls controls;
  for (int i = 0; i < 4; ++i) controls.push_back(reweight("cat", 1e300)), controls.push_back(reweight("park", 1e-300));
  const auto inputs = run();
  const auto plan =
      Program::resolve(controls, inputs).plan(site_of(inputs.sites, "middle:0"), with_rows(inputs.calls[0]));
  for (const float b : *plan.rows[1][0].bias) CHECK_FALSE(std::isnan(b));
  const auto message = error_of({value_gain("cat", 1e300), value_gain("cat", 1e300)}, inputs);
  CHECK(message.find("too large") != std::string::npos);
  CHECK_FALSE(error_of({temperature(1e-300), temperature(1e-300)}, inputs).empty());
}

TEST_CASE("a recipe of 10,000 controls and 20,000 pixels a side reads, writes and resolves") {
  Recipe recipe;
  for (int i = 0; i < 10000; ++i) recipe.controls.push_back(reweight("cat", 2).steps(i % 20, i % 20 + 1));
  CHECK(recipe_from_json(to_json(recipe)) == recipe);
  auto inputs = run_of(sd15_sites(), "a cat", 20000, 20000);
  inputs.calls = schedule(1);
  CHECK(error_of({inject("snow").within(rectangle(0, 0, 10000, 20000).pixels()).at("middle:0")}, inputs).empty());
  CHECK_NOTHROW(Program::resolve({inject("snow").within(circle(0.5, 0.5, 0.3).feather(0.2))}, inputs));
}

TEST_CASE("of the programs of a run whose regions follow the picture few are kept; all looks have a limit together") {
  auto inputs = run_of(sd15_sites(), "a cat in a park", 128, 128);
  inputs.calls = schedule(1000);
  const Controls controls{inject("snow").within(looked_at("cat"))};
  const LiveMasks seen = [](const Region&, int) { return LookedAt{2, 2, {0, 1, 2, 3}}; };
  const auto first = Program::resolve(controls, inputs);
  const auto once = first.looking(1, seen, first.texts());
  const auto work = std::max(first.data().work, once.data().work - first.data().work);
  Timeline all(Program::resolve(controls, inputs, {.work = work}));
  const auto look = [&](int step) { all.look(step, all.at(step).looking(step, seen, all.texts())); };
  for (int step = 1; step < 90; ++step) look(step);
  CHECK(all.programs().size() == 3);  // the first, and two that were made by looking
  const auto site = site_of(inputs.sites, "output:1", true);
  for (const int step : {0, 88, 89})
    CHECK_FALSE(all.plan(site, with_rows(inputs.calls[size_t(step)], 1, true)).rows.empty());
  CHECK_THROWS_AS(all.plan(site, with_rows(inputs.calls[90], 1, true)), Error);
  CHECK_THROWS_AS(
      [&] {
        for (int step = 90; step < 1000; ++step) look(step);
      }(),
      Error);
}

TEST_CASE("resolving a usual recipe takes little work") {
  const Controls controls{inject("a dragon").at("middle:0, output:0").sigma(15, 0).strength(0.8),
                          reweight("park", 0.3).at("output:1"),
                          inject("snow").strength({{0, 0}, {0.5, 1}}).within(rectangle(0, 0, 0.5, 1).feather(0.05)),
                          regions({{"sky", rectangle(0, 0, 1, 0.5).blur(0.05)}, {"sea", circle(0.5, 0.7, 0.2)}}, 0.2),
                          attend(circle(0.5, 0.5, 0.2), 3)};
  const auto program =
      Program::resolve(controls, run_of(builtin_sites(), "a cat in a park", 256, 256), {.work = 3'000'000});
  CHECK_FALSE(explain_text(program).empty());
  CHECK_FALSE(explain_json(program).empty());
}

}  // namespace corepulse::control::test
