#include "control/program/step_inputs.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/window.h"
#include "control/recipe/check.h"

namespace corepulse::control {
namespace {

bool is_guided(const StepPlan& plan, const ProgramInputs& inputs) {
  return plan.guidance > 1 || (plan.guidance < 1 && inputs.guided_below_one);
}

bool equal(const StepPlan& a, const StepPlan& b) {
  return a.guidance == b.guidance && a.pooled == b.pooled && a.negative == b.negative && a.time_ids == b.time_ids;
}

void check_needs(const corepulse::Control& control, const Context& context, const std::string& path) {
  const auto& kind = kind_of(control.effect);
  if (kind.needs.sdxl && !(context.inputs.pooled && context.inputs.time_ids))
    fail(ErrorCode::invalid_request, path, fmt::format("{} needs a model of the SDXL family", kind.name));
  check(control, path);
}

/** Changes the plans of the calls in the control's window. */
ControlReport act(const corepulse::Control& control, Context& context, std::vector<StepPlan>& plans,
                  const std::string& path) {
  const auto& kind = kind_of(control.effect);
  const auto change = kind.step(control.effect, context.tables.texts, context.inputs);
  const auto active = active_calls(control.when, context.inputs.calls, path + ".when");
  ControlReport report{.state = ControlReport::State::neutral, .calls = std::vector<bool>(active.size())};
  bool met = false;
  for (size_t i = 0; i < active.size(); ++i) {
    if (!active[i] || (kind.needs.guidance && !is_guided(plans[i], context.inputs))) continue;
    met = true;
    const auto before = plans[i];
    change(plans[i], context.inputs.calls[i]);
    if (equal(before, plans[i])) continue;
    report.calls[i] = true, ++report.pairs;
    report.state = ControlReport::State::acts;
  }
  if (kind.needs.guidance && !met)
    fail(ErrorCode::invalid_request, path + ".when",
         "no negative prompt is read there: there is no guidance; expected guidance above 1");
  if (report.pairs == 0) report.reason = "it sets what is set already";
  return report;
}

}  // namespace

StepInputs set_inputs(Context& context) {
  StepInputs out;
  out.plans.assign(context.inputs.calls.size(), StepPlan{.guidance = context.inputs.guidance});
  out.reports.resize(context.controls.size());
  for (const bool first : {true, false})
    for (size_t i = 0; i < context.controls.size(); ++i) {
      const auto& control = context.controls[i];
      const auto& kind = kind_of(control.effect);
      if (kind.needs.first != first || !control.enabled) continue;
      const auto path = context.path_of(static_cast<int>(i));
      check_needs(control, context, path);
      if (kind.step) out.reports[i] = act(control, context, out.plans, path);
    }
  for (const auto& plan : out.plans) {
    out.negative.push_back(context.tables.texts.number(plan.negative));
    out.guided.push_back(is_guided(plan, context.inputs));
  }
  return out;
}

}  // namespace corepulse::control
