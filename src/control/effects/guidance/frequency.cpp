// frequency_guidance: frequency-decoupled guidance (Sadat et al. 2025; Diffusers' FrequencyDecoupledGuidance with two
// levels). With L what a Laplacian pyramid has below its finest level: u + low L(c - u) + high ((c - u) - L(c - u)).
#include <fmt/format.h>

#include "control/effects/guidance/shape.h"

namespace corepulse {
namespace control {
namespace {

struct FrequencyGuidanceKind {
  using Struct = FrequencyGuidance;
  static constexpr const char* name = "frequency_guidance";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs = kGuidedCalls;
  static constexpr ShortForm short_forms[] = {{"frequency-guidance", parse_frequency_guidance}};

  template <class V>
  static void fields(V& v) {
    v.required("low", &FrequencyGuidance::low);
    v.required("high", &FrequencyGuidance::high);
  }
  static void check(const FrequencyGuidance& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.low, Range::any, path + ".low");
    check_curve(e.high, Range::any, path + ".high");
  }
  static StepChange step(const FrequencyGuidance& e, TextTable&, const ProgramInputs&) {
    return [&e](StepPlan& plan, const Step& step) {
      const GuidanceShape::Bands now{e.low.at(step.progress), e.high.at(step.progress)};
      plan.shape.bands.reset();
      if (now != GuidanceShape::Bands{plan.guidance, plan.guidance}) plan.shape.bands = now;
    };
  }
};

}  // namespace

template <>
const Kind& kind<FrequencyGuidance>() {
  return described<FrequencyGuidanceKind>();
}

}  // namespace control

Control frequency_guidance(Curve low, Curve high) {
  return {.effect = FrequencyGuidance{std::move(low), std::move(high)}};
}

Control parse_frequency_guidance(std::string_view text) {
  const auto [subject, items] = control::split("frequency-guidance", text, "two numbers, low and high: 3 8");
  control::Scanner scanner("frequency-guidance", subject);
  const double low = scanner.number(), high = scanner.number();
  if (!scanner.done()) scanner.refuse("nothing more");
  return control::with_items(frequency_guidance(low, high), "frequency-guidance", text, items);
}

}  // namespace corepulse
