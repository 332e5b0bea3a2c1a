// thresholded_guidance: dynamic thresholding (mcmonkey4eva 2023, sd-dynamic-thresholding with its defaults: AD, MEAN,
// channels apart). On the estimates of the picture, channel by channel, S the guided one and M the same with guidance
// `mimic`: S - mean(S) is cut off at r = max(max |M - mean(M)|, the percentile of |S - mean(S)|) and shrunk by
// max |M - mean(M)| / r; `strength` of that, the rest S.
#include <fmt/format.h>

#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

struct ThresholdedGuidanceKind {
  using Struct = ThresholdedGuidance;
  static constexpr const char* name = "thresholded_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"thresholded-guidance", parse_thresholded_guidance}};
  static constexpr Item number_items[] = {
      kStrength, {"percentile", take_number<ThresholdedGuidance, &ThresholdedGuidance::percentile>, "percentile"}};

  template <class V>
  static void fields(V& v) {
    v("mimic", &ThresholdedGuidance::mimic);
    v("percentile", &ThresholdedGuidance::percentile);
    v("strength", &ThresholdedGuidance::strength);
  }
  static void check(const ThresholdedGuidance& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.mimic, Range::any, path + ".mimic");
    if (!(e.percentile > 0 && e.percentile <= 1))
      refuse(path + ".percentile", fmt::format("{}; expected more than 0 and 1 at most", e.percentile));
  }
  static StepChange step(const ThresholdedGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) {
      const GuidanceShape::Threshold now{e.mimic.at(step.progress), e.percentile, e.strength.at(step.progress)};
      plan.shape.threshold.reset();
      if (now.strength != 0) plan.shape.threshold = now;
    };
  }
};

}  // namespace

template <>
const Kind& kind<ThresholdedGuidance>() {
  return described<ThresholdedGuidanceKind>();
}

}  // namespace control

Control thresholded_guidance(Curve mimic, double percentile) {
  return {.effect = ThresholdedGuidance{.mimic = std::move(mimic), .percentile = percentile}};
}

Control parse_thresholded_guidance(std::string_view text) {
  return control::of_curve("thresholded-guidance", text,
                           [](Curve mimic) { return thresholded_guidance(std::move(mimic)); });
}

}  // namespace corepulse
