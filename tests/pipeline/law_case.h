#pragma once
// What a law over generated recipes is made of: a case, and how near two runs' latents are.

#include <algorithm>
#include <fmt/format.h>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "support.h"

namespace corepulse::test {

using Latents = std::vector<std::vector<float>>;
using Controls = std::vector<Control>;
using Verdict = std::optional<std::string>;

/** Over a whole run, where sums are made in another order; the tests say how near it really was. */
inline constexpr double kNear = 5e-4;

[[noreturn]] inline void inapplicable() {
  throw Error(ErrorCode::invalid_request, "the law says nothing about this recipe");
}

/** What a law needs besides the recipe: the model, and a number that makes its choices. */
struct Case {
  std::string family;
  unsigned seed;

  Latents latents(Recipe recipe) const { return run(family, recipe).latents; }
  Latents latents(Recipe recipe, Controls controls) const {
    recipe.controls = std::move(controls);
    return latents(std::move(recipe));
  }
  /** A control of the recipe that the case's number picks. */
  size_t chosen(const Recipe& recipe) const {
    if (recipe.controls.empty()) inapplicable();
    return seed % recipe.controls.size();
  }
};

using Law = std::function<Verdict(const Case&, const Recipe&)>;

inline double relative_error(const Latents& a, const Latents& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) most = std::max(most, corepulse::test::relative_error(a[i], b[i]));
  return most;
}

inline Verdict same(const Latents& a, const Latents& b, const char* what) {
  if (a == b) return {};
  return fmt::format("{}: the latents differ by {:.2e}", what, relative_error(a, b));
}

inline double largest_error = 0;  ///< Of those that were near.

inline Verdict near(const Latents& a, const Latents& b, const char* what, double most = kNear) {
  const double error = relative_error(a, b);
  if (error <= most) largest_error = std::max(largest_error, error);
  if (error <= most) return {};
  return fmt::format("{}: the latents differ by {:.2e}", what, error);
}

}  // namespace corepulse::test
