#pragma once
// Runs that a golden lists in its metadata: "runs", by family and name.

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <string>

#include "io/json.h"
#include "support.h"

namespace corepulse::test {

/** Each run ends in the golden's latents. @param draw (family, recipe, what the golden says of the run) -> Result. */
template <class Draw>
void check_golden_runs(const char* name_of_golden, const Draw& draw) {
  constexpr double kTolerance = 1e-4;
  const Golden golden(name_of_golden);
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  double largest = 0;
  for (const auto& [family, cases] : runs.items())
    for (const auto& [name, one] : cases.items()) {
      CAPTURE(family);
      CAPTURE(name);
      auto recipe = golden_recipe(family);
      recipe.width = 192, recipe.height = 128, recipe.steps = 10, recipe.negative_prompt.clear();
      recipe.guidance = one["cfg"];
      const auto found = draw(family, std::move(recipe), one).latents[0];
      const double error = relative_error(found, numbers(golden, fmt::format("{}/{}/latents/9", family, name)));
      CHECK(error <= kTolerance);
      largest = std::max(largest, error);
    }
  MESSAGE("largest relative error ", largest);
}

}  // namespace corepulse::test
