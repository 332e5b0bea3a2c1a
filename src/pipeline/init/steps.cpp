#include "pipeline/init/steps.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

constexpr int kMostSteps = 1000;
constexpr double kMostOfA1111 = 0.999;

}  // namespace

StepsFromPicture steps_from_picture(const InitPicture& init, int steps, Compat compat) {
  const bool a1111 = compat == Compat::a1111;
  const double strength = a1111 ? std::min(init.strength, kMostOfA1111) : init.strength;
  if (init.exact_steps || compat == Compat::comfy) {
    const double of = steps / strength;
    if (of > kMostSteps)
      fail(ErrorCode::invalid_request, "init.strength",
           fmt::format("{} of a schedule of which {} steps run: it would have {:.0f}; expected at most {}; use fewer "
                       "steps or a higher strength",
                       init.strength, steps, of, kMostSteps));
    return {static_cast<int>(of), steps};
  }
  const int run = static_cast<int>(steps * strength) + (a1111 ? 1 : 0);
  if (run == 0)
    fail(ErrorCode::invalid_request, "init.strength",
         fmt::format("{} of {} steps is none; expected at least {:.3g}, or exact_steps", init.strength, steps,
                     1.0 / steps));
  return {steps, std::min(run, steps)};
}

}  // namespace corepulse::pipeline
