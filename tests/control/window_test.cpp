// Windows and curves.
#include "control/program/window.h"

#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "support.h"

namespace corepulse::control::test {
namespace {

std::vector<int> steps(const Window& window, const std::vector<Step>& calls) {
  std::vector<int> all;
  const auto active = active_calls(window, calls, "when");
  for (size_t i = 0; i < calls.size(); ++i)
    if (active[i]) all.push_back(calls[i].index);
  return all;
}

std::string error(const Window& window, int n = 20) {
  try {
    active_calls(window, schedule(n), "when");
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

}  // namespace

TEST_CASE("windows in steps exclude their end, all others include both ends") {
  const auto calls = schedule(5);  // progress 0, 0.25, 0.5, 0.75, 1
  CHECK(steps(Window::steps(1, 3), calls) == std::vector{1, 2});
  CHECK(steps(Window::progress(0.25, 0.75), calls) == std::vector{1, 2, 3});
  CHECK(steps(Window::sigma(calls[1].sigma, calls[3].sigma), calls) == std::vector{1, 2, 3});
  CHECK(steps(Window::sigma(INFINITY, calls[1].sigma), calls) == std::vector{0, 1});
  CHECK(steps(Window::percent(0, 1), calls) == std::vector{0, 1, 2, 3, 4});
  CHECK(steps(Window::percent(0.25, 0.5), calls) == std::vector{1, 2});
  CHECK(steps(Window{}, calls) == std::vector{0, 1, 2, 3, 4});
  CHECK(steps(Window::progress(0, 0), schedule(1)) == std::vector{0});
}

TEST_CASE("windows that are none, or meet no step, are errors that show the run") {
  CHECK(error(Window::sigma(0.02, 0.01)) ==
        "[when] sigma 0.02..0.01 meets no step; this run's sigma values: 14.6, 10.54, 7.612, 5.496, "
        "..., 0.07969, 0.05754, 0.04155, 0.03 (20 steps)");
  CHECK(error(Window::steps(20, 25)) == "[when] steps 20..25 meets no step; this run has steps 0..19");
  CHECK(error(Window::sigma(0, 15)) == "[when] sigma 0..15; expected start >= end >= 0: noise falls during a run");
  CHECK(error(Window::steps(3, 3)).find("0 <= first < end") != std::string::npos);
  CHECK(error(Window{Window::Unit::steps, 0.5, 3}).find("whole numbers") != std::string::npos);
  CHECK(error(Window::progress(0.5, 1.5)).find("0 <= start <= end <= 1") != std::string::npos);
  CHECK(error(Window::progress(0.52, 0.525)).find("meets no step") != std::string::npos);
  CHECK_FALSE(error(Window::sigma(NAN, 0)).empty());
  CHECK_FALSE(error(Window::sigma(15, NAN)).empty());
  CHECK_FALSE(error(Window::progress(0, INFINITY)).empty());
}

TEST_CASE("curves are linear between points and constant outside; jumps take the later value") {
  const Curve curve{{0.2, 1}, {0.6, 3}, {0.6, 5}, {0.8, 5}};
  CHECK(curve.at(0) == 1);
  CHECK(curve.at(0.4) == doctest::Approx(2));
  CHECK(curve.at(0.6) == 5);
  CHECK(curve.at(1) == 5);
  CHECK(Curve(0.7).at(0.3) == 0.7);
  const auto ramp = Curve::ramp(0.1, 0.9, 0.2, 2);
  CHECK(ramp.at(0) == 0);
  CHECK(ramp.at(0.2) == doctest::Approx(1));
  CHECK(ramp.at(0.5) == 2);
  CHECK(ramp.at(0.8) == doctest::Approx(1));
  CHECK(ramp.at(1) == 0);
  const auto box = Curve::ramp(0.25, 0.75, 0);
  CHECK(box.at(0.24) == 0);
  CHECK(box.at(0.25) == 1);
  CHECK(box.at(0.74) == 1);
  CHECK(box.at(0.75) == 0);
}

}  // namespace corepulse::control::test
