// guidance: how far a call goes beyond the prompt's prediction.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

struct GuidanceKind {
  using Struct = Guidance;
  static constexpr const char* name = "guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs{.first = true};
  static constexpr ShortForm short_forms[] = {{"guidance-curve", parse_guidance}};

  template <class V>
  static void fields(V& v) {
    v.required("scale", &Guidance::scale);
  }
  static void check(const Guidance& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.scale, Range::any, path + ".scale");
  }
  static StepChange step(const Guidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) { plan.guidance = e.scale.at(step.progress); };
  }
};

}  // namespace

template <>
const Kind& kind<Guidance>() {
  return described<GuidanceKind>();
}

}  // namespace control

Control guidance(Curve scale) {
  return {.effect = Guidance{std::move(scale)}};
}

Control parse_guidance(std::string_view text) {
  return control::of_curve("guidance-curve", text, guidance);
}

}  // namespace corepulse
