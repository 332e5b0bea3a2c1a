// tangential_guidance: TCFG (Kwon et al. 2025; Diffusers' TangentialClassifierFreeGuidance). Of what the negative
// prompt predicts stays what lies along the first right singular vector of the matrix with the rows c and u, image by
// image.
#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

struct TangentialGuidanceKind {
  using Struct = TangentialGuidance;
  static constexpr const char* name = "tangential_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"tangential-guidance", parse_tangential_guidance}};
  static constexpr std::span<const Item> number_items{};  // the strength stands before the " @ "

  template <class V>
  static void fields(V& v) {
    v("strength", &TangentialGuidance::strength);
  }
  static StepChange step(const TangentialGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) { plan.shape.tangential = e.strength.at(step.progress); };
  }
};

}  // namespace

template <>
const Kind& kind<TangentialGuidance>() {
  return described<TangentialGuidanceKind>();
}

}  // namespace control

Control tangential_guidance(Curve strength) {
  return {.effect = TangentialGuidance{std::move(strength)}};
}

Control parse_tangential_guidance(std::string_view text) {
  return control::of_curve("tangential-guidance", text, tangential_guidance);
}

}  // namespace corepulse
