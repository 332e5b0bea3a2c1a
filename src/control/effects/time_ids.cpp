// time_ids: SDXL's size conditioning.
#include "control/effects/describe.h"

namespace corepulse {
namespace control {
namespace {

void set(TimeIds& ids, size_t at, const std::optional<std::pair<int, int>>& numbers) {
  if (!numbers) return;
  ids[at] = static_cast<float>(numbers->first), ids[at + 1] = static_cast<float>(numbers->second);
}

struct TimeIdsKind {
  using Struct = SizeConditioning;
  static constexpr const char* name = "time_ids";
  static constexpr CommonFields common = kOfWholeCalls;
  static constexpr StepNeeds needs{.sdxl = true};

  template <class V>
  static void fields(V& v) {
    v("original", &SizeConditioning::original);
    v("crop", &SizeConditioning::crop);
    v("target", &SizeConditioning::target);
  }
  static void check(const SizeConditioning& e, const corepulse::Control&, const std::string& path) {
    if (!e.original && !e.crop && !e.target) refuse(path, "nothing to set; expected original, crop or target");
  }
  static StepChange step(const SizeConditioning& e, TextTable&, const ProgramInputs& inputs) {
    return [&e, &inputs](StepPlan& plan, const Step&) {
      auto ids = plan.time_ids.value_or(*inputs.time_ids);
      set(ids, 0, e.original), set(ids, 2, e.crop), set(ids, 4, e.target);
      if (ids != *inputs.time_ids || plan.time_ids) plan.time_ids = ids;
    };
  }
};

}  // namespace

template <>
const Kind& kind<SizeConditioning>() {
  return described<TimeIdsKind>();
}

}  // namespace control

Control time_ids(SizeConditioning ids) {
  return {.effect = ids};
}

}  // namespace corepulse
