// rescaled_guidance: the sum has the deviation of what the prompt predicts (Lin et al. 2023, section 3.4; Diffusers'
// rescale_noise_cfg). With s the sum and c the prompt's: (1 - strength) s + strength s std(c) / std(s), image by image.
#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

struct RescaledGuidanceKind {
  using Struct = RescaledGuidance;
  static constexpr const char* name = "rescaled_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"rescaled-guidance", parse_rescaled_guidance}};
  static constexpr std::span<const Item> number_items{};  // the strength stands before the " @ "

  template <class V>
  static void fields(V& v) {
    v("strength", &RescaledGuidance::strength);
  }
  static StepChange step(const RescaledGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) { plan.shape.rescale = e.strength.at(step.progress); };
  }
};

}  // namespace

template <>
const Kind& kind<RescaledGuidance>() {
  return described<RescaledGuidanceKind>();
}

}  // namespace control

Control rescaled_guidance(Curve strength) {
  return {.effect = RescaledGuidance{std::move(strength)}};
}

Control parse_rescaled_guidance(std::string_view text) {
  return control::of_curve("rescaled-guidance", text, rescaled_guidance);
}

}  // namespace corepulse
