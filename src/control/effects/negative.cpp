// negative: another negative prompt.
#include "control/effects/describe.h"

namespace corepulse {
namespace control {
namespace {

struct NegativeKind {
  using Struct = Negative;
  static constexpr const char* name = "negative";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs{.guidance = true};

  template <class V>
  static void fields(V& v) {
    v.required("prompt", &Negative::prompt);
  }
  static StepChange step(const Negative& e, TextTable& texts, const ProgramInputs&) {
    const int text = texts.add(e.prompt, true);
    return [&texts, text](StepPlan& plan, const Step&) { plan.negative = texts.publish(text); };
  }
};

}  // namespace

template <>
const Kind& kind<Negative>() {
  return described<NegativeKind>();
}

}  // namespace control

Control negative(std::string prompt) {
  return {.effect = Negative{std::move(prompt)}};
}

}  // namespace corepulse
