#include "control/program/window.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/quote.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

// ComfyUI's percent_to_sigma takes the noise level of timestep (1 - percent) * 999.
constexpr double kLastTimestep = 999;

void check(const Window& w, const std::string& path) {
  const auto refuse = [&](const char* expected) {
    fail(ErrorCode::invalid_request, path, fmt::format("{}; expected {}", to_string(w), expected));
  };
  if (std::isnan(w.start) || !std::isfinite(w.end)) refuse("finite numbers");
  switch (w.unit) {
    case Window::Unit::always:
      return;
    case Window::Unit::steps:
      if (!(w.start >= 0 && w.start < w.end && w.start == std::floor(w.start) && w.end == std::floor(w.end)))
        refuse("whole numbers with 0 <= first < end (the end is not included)");
      return;
    case Window::Unit::sigma:
      if (!(w.start >= w.end && w.end >= 0)) refuse("start >= end >= 0: noise falls during a run");
      return;
    case Window::Unit::progress:
    case Window::Unit::percent:
      if (!(0 <= w.start && w.start <= w.end && w.end <= 1)) refuse("0 <= start <= end <= 1");
      return;
  }
}

// "this run's sigmas: 14.61, 9.7, ..., 0.03 (20 steps)"
std::string what_there_is(const Window& w, const std::vector<Step>& calls) {
  const int count = calls.empty() ? 0 : calls.back().count;
  if (w.unit == Window::Unit::steps) return fmt::format("this run has steps 0..{}", count - 1);
  std::string values;
  const size_t shown = 8;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (calls.size() > shown && i == shown / 2) values += ", ...";
    if (calls.size() > shown && i >= shown / 2 && i + shown / 2 < calls.size()) continue;
    const auto& c = calls[i];
    values += fmt::format("{}{:.4g}", values.empty() ? "" : ", ",
                          w.unit == Window::Unit::sigma      ? c.sigma
                          : w.unit == Window::Unit::progress ? c.progress
                                                             : 1 - c.t / kLastTimestep);
  }
  return fmt::format("this run's {} values: {} ({} steps)", name_of(w.unit), values, count);
}

}  // namespace

bool inside(const Window& w, const Step& call) {
  switch (w.unit) {
    case Window::Unit::always:
      return true;
    case Window::Unit::steps:
      return w.start <= call.index && call.index < w.end;
    case Window::Unit::progress:
      return w.start <= call.progress && call.progress <= w.end;
    case Window::Unit::sigma:
      return w.start >= call.sigma && call.sigma >= w.end;
    case Window::Unit::percent:
      return (w.start <= 0 || call.t <= (1 - w.start) * kLastTimestep) &&
             (w.end >= 1 || call.t >= (1 - w.end) * kLastTimestep);
  }
  return false;
}

std::vector<bool> active_calls(const Window& window, const std::vector<Step>& calls, const std::string& path) {
  check(window, path);
  std::vector<bool> active;
  for (const auto& call : calls) active.push_back(inside(window, call));
  if (std::find(active.begin(), active.end(), true) == active.end())
    fail(ErrorCode::invalid_request, path,
         fmt::format("{} meets no step; {}", to_string(window), what_there_is(window, calls)));
  return active;
}

std::string to_string(const Window& w) {
  if (w.unit == Window::Unit::always) return "always";
  return fmt::format("{} {}..{}", name_of(w.unit), number(w.start), number(w.end));
}

}  // namespace corepulse::control
