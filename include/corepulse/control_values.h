#pragma once
// The two small values of every control: a number that may change during the run, and when to act.
//
//   Curve constant = 0.8, fade_in = {{0, 0}, {0.5, 1}};
//   Window early = Window::sigma(15, 2);

#include <initializer_list>
#include <utility>
#include <vector>

namespace corepulse {

/**
 * A number over the run's progress (0 at the first step, 1 at the last): linear between points, constant outside. Two
 * points of the same progress make a jump; at it the second holds.
 */
struct Curve {
  std::vector<std::pair<double, double>> points;  ///< (progress, value), progress not falling; one point: a constant.

  Curve(double constant) : points{{0, constant}} {}
  Curve(std::initializer_list<std::pair<double, double>> list) : points(list) {}
  explicit Curve(std::vector<std::pair<double, double>> list) : points(std::move(list)) {}
  /** 0 up to `start`, rising to `height` within `edge`, and falling back to 0 within `edge` before `end`. */
  static Curve ramp(double start, double end, double edge = 0.1, double height = 1);

  double at(double progress) const;
  bool constant() const { return points.size() == 1; }
  bool operator==(const Curve&) const = default;
};

/** When a control acts. */
struct Window {
  enum class Unit {
    always,
    steps,     ///< start <= step < end, whole numbers.
    progress,  ///< start <= step / (steps - 1) <= end.
    sigma,     ///< start >= sigma >= end, sigma being that of the very model call; start may be
               ///< infinity.
    percent    ///< ComfyUI's: timesteps (1 - start) * 999 down to (1 - end) * 999; 0 and 1 are open
               ///< ends.
  };
  Unit unit = Unit::always;
  double start = 0, end = 0;

  static Window steps(int first, int end) { return {Unit::steps, double(first), double(end)}; }
  static Window progress(double first, double last) { return {Unit::progress, first, last}; }
  static Window sigma(double start, double end) { return {Unit::sigma, start, end}; }
  static Window percent(double start, double end) { return {Unit::percent, start, end}; }
  bool operator==(const Window&) const = default;
};

}  // namespace corepulse
