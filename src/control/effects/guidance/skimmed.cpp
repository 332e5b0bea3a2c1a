// skimmed_guidance: skimmed CFG (Extraltodeus 2024, the node "Skimmed CFG" of ComfyUI). On the estimates of the
// picture, number by number: where c - u, c and the guided result D = u + w (c - u) agree in sign (with `filter`, also
// D and what it moves away from x), the difference counts `scale` instead of w; before that the same of u, with c and u
// exchanged.
#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

struct SkimmedGuidanceKind {
  using Struct = SkimmedGuidance;
  static constexpr const char* name = "skimmed_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"skimmed-guidance", parse_skimmed_guidance}};
  static constexpr Item word_items[] = {
      {"full_negative", turn<SkimmedGuidance, &SkimmedGuidance::full_negative, true>, "full_negative"},
      {"unfiltered", turn<SkimmedGuidance, &SkimmedGuidance::filter, false>, "filter"}};

  template <class V>
  static void fields(V& v) {
    v("scale", &SkimmedGuidance::scale);
    v("full_negative", &SkimmedGuidance::full_negative);
    v("filter", &SkimmedGuidance::filter);
  }
  static void check(const SkimmedGuidance& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.scale, Range::weight, path + ".scale");
  }
  static StepChange step(const SkimmedGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) {
      if (plan.guidance > 1)  // less takes no number further away
        plan.shape.skim = GuidanceShape::Skim{e.scale.at(step.progress), e.full_negative, e.filter};
    };
  }
};

}  // namespace

template <>
const Kind& kind<SkimmedGuidance>() {
  return described<SkimmedGuidanceKind>();
}

}  // namespace control

Control skimmed_guidance(Curve scale) {
  return {.effect = SkimmedGuidance{.scale = std::move(scale)}};
}

Control parse_skimmed_guidance(std::string_view text) {
  return control::of_curve("skimmed-guidance", text, skimmed_guidance);
}

}  // namespace corepulse
