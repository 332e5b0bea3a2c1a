// pooled: SDXL's pooled text vector leans to another prompt's.
#include <algorithm>

#include "control/effects/describe.h"

namespace corepulse {
namespace control {
namespace {

// A share `a` of the weights goes to `text`.
void lean(std::vector<std::pair<TextId, float>>& pooled, TextId text, double a) {
  for (auto& [id, weight] : pooled) weight = static_cast<float>(weight * (1 - a));
  const auto same = std::find_if(pooled.begin(), pooled.end(), [&](const auto& item) { return item.first == text; });
  if (same == pooled.end())
    pooled.emplace_back(text, static_cast<float>(a));
  else
    same->second += static_cast<float>(a);
  std::erase_if(pooled, [](const auto& item) { return item.second == 0; });
  if (pooled.size() == 1) pooled[0].second = 1;
}

struct PooledKind {
  using Struct = Pooled;
  static constexpr const char* name = "pooled";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs{.sdxl = true};

  template <class V>
  static void fields(V& v) {
    v.required("prompt", &Pooled::prompt);
    v("strength", &Pooled::strength);
  }
  static StepChange step(const Pooled& e, TextTable& texts, const ProgramInputs&) {
    const int text = texts.add(e.prompt);
    return [&texts, &e, text](StepPlan& plan, const Step& step) {
      const double a = e.strength.at(step.progress);
      if (a > 0) lean(plan.pooled, texts.publish(text), a);
    };
  }
};

}  // namespace

template <>
const Kind& kind<Pooled>() {
  return described<PooledKind>();
}

}  // namespace control

Control pooled(std::string prompt, Curve strength) {
  return {.effect = Pooled{std::move(prompt), std::move(strength)}};
}

}  // namespace corepulse
