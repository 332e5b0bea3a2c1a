// guidance, pooled, time_ids, negative: what a step is given, whatever is read.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/check.h"
#include "control/program/resolver.h"
#include "control/program/window.h"

namespace corepulse::control {
namespace {

using Change = std::function<void(StepPlan&, const Step&)>;

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

void set(TimeIds& ids, size_t at, const std::optional<std::pair<int, int>>& numbers) {
  if (!numbers) return;
  ids[at] = static_cast<float>(numbers->first), ids[at + 1] = static_cast<float>(numbers->second);
}

bool equal(const StepPlan& a, const StepPlan& b) {
  return a.guidance == b.guidance && a.pooled == b.pooled && a.negative == b.negative && a.time_ids == b.time_ids;
}

// What a control does to a step, or nothing if it is of another kind.
Change change_of(const Effect& effect, TextTable& texts, const ProgramInputs& inputs) {
  if (const auto* e = std::get_if<Guidance>(&effect))
    return [e](StepPlan& plan, const Step& step) { plan.guidance = e->scale.at(step.progress); };
  if (const auto* e = std::get_if<Negative>(&effect)) {
    const int text = texts.add(e->prompt, true);
    return [&texts, text](StepPlan& plan, const Step&) { plan.negative = texts.publish(text); };
  }
  if (const auto* e = std::get_if<Pooled>(&effect)) {
    const int text = texts.add(e->prompt);
    return [&texts, e, text](StepPlan& plan, const Step& step) {
      const double a = e->strength.at(step.progress);
      if (a > 0) lean(plan.pooled, texts.publish(text), a);
    };
  }
  if (const auto* e = std::get_if<SizeConditioning>(&effect))
    return [e, &inputs](StepPlan& plan, const Step&) {
      auto ids = plan.time_ids.value_or(*inputs.time_ids);
      set(ids, 0, e->original), set(ids, 2, e->crop), set(ids, 4, e->target);
      if (ids != *inputs.time_ids || plan.time_ids) plan.time_ids = ids;
    };
  return {};
}

}  // namespace

void Resolver::step_inputs() {
  data_->steps.assign(inputs_.calls.size(), StepPlan{.guidance = inputs_.guidance});
  // Guidance first: the other kinds ask whether a step is guided at all.
  for (const bool guidance : {true, false})
    for (size_t i = 0; i < controls_.size(); ++i)
      if (std::holds_alternative<Guidance>(controls_[i].effect) == guidance) step_input(static_cast<int>(i));
  for (const auto& plan : data_->steps) negative_.push_back(tables_->texts.number(plan.negative));
}

void Resolver::step_input(int index) {
  const auto& control = controls_[index];
  const auto path = path_of(index);
  const bool sdxl_only =
      std::holds_alternative<Pooled>(control.effect) || std::holds_alternative<SizeConditioning>(control.effect);
  if (!control.enabled) return;
  if (sdxl_only && !(inputs_.pooled && inputs_.time_ids))
    fail(ErrorCode::invalid_request, path,
         fmt::format("{} needs a model of the SDXL family", kind_name(control.effect)));
  check(control, path);
  const auto change = change_of(control.effect, tables_->texts, inputs_);
  if (!change) return;
  auto& report = data_->reports[index];
  const auto active = active_calls(control.when, inputs_.calls, path + ".when");
  report.state = ControlReport::State::neutral;
  report.calls.assign(active.size(), false);
  bool any_guided = false;
  for (size_t i = 0; i < active.size(); ++i) {
    if (!active[i]) continue;
    // Without guidance there is no negative prompt to set.
    if (std::holds_alternative<Negative>(control.effect) && !guided(static_cast<int>(i))) continue;
    any_guided = true;
    const auto before = data_->steps[i];
    change(data_->steps[i], inputs_.calls[i]);
    if (equal(before, data_->steps[i])) continue;
    report.calls[i] = true, ++report.pairs;
    report.state = ControlReport::State::acts;
  }
  if (std::holds_alternative<Negative>(control.effect) && !any_guided)
    fail(ErrorCode::invalid_request, path + ".when",
         "no negative prompt is read there: there is no guidance; expected guidance above 1");
  if (report.pairs == 0) report.reason = "it sets what is set already";
}

}  // namespace corepulse::control
