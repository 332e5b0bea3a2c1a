// zero_star_guidance: CFG-Zero* (Fan et al. 2025; Diffusers' ClassifierFreeZeroStarGuidance). What the negative prompt
// predicts is scaled to be as near as possible to what the prompt does: u becomes a u, a = <c, u> / (|u|^2 + 1e-8),
// image by image; the prediction of the run's first `zero_steps` steps is 0.
#include <fmt/format.h>

#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

void take_zero_steps(Scanner& s, corepulse::Control& c) {
  std::get<ZeroStarGuidance>(c.effect).zero_steps = s.whole_number();
}

struct ZeroStarGuidanceKind {
  using Struct = ZeroStarGuidance;
  static constexpr const char* name = "zero_star_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"zero-star-guidance", parse_zero_star_guidance}};
  static constexpr Item number_items[] = {{"zero_steps", take_zero_steps, "zero_steps"}};

  template <class V>
  static void fields(V& v) {
    v("strength", &ZeroStarGuidance::strength);
    v("zero_steps", &ZeroStarGuidance::zero_steps);
  }
  static void check(const ZeroStarGuidance& e, const corepulse::Control&, const std::string& path) {
    if (e.zero_steps < 0) refuse(path + ".zero_steps", fmt::format("{}; expected 0 or more", e.zero_steps));
  }
  static StepChange step(const ZeroStarGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) {
      plan.shape.zero_star = e.strength.at(step.progress);
      plan.shape.nothing = step.index < e.zero_steps;
    };
  }
};

}  // namespace

template <>
const Kind& kind<ZeroStarGuidance>() {
  return described<ZeroStarGuidanceKind>();
}

}  // namespace control

Control zero_star_guidance(Curve strength) {
  return {.effect = ZeroStarGuidance{std::move(strength)}};
}

Control parse_zero_star_guidance(std::string_view text) {
  return control::of_curve("zero-star-guidance", text, zero_star_guidance);
}

}  // namespace corepulse
