#include "control/program/program.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "control/program/program_data.h"

namespace corepulse::control {

int Program::Data::call(const Step& step) const {
  if (step.call >= 0 && step.call < static_cast<int>(calls.size())) {
    const auto& call = calls[step.call];
    // Who asks has the step from where the run's calls are from, so even sigma is the same to the bit.
    if (call.index == step.index && call.first_evaluation == step.first_evaluation && call.sigma == step.sigma)
      return step.call;
  }
  fail(
      ErrorCode::internal, "control",
      fmt::format("call {} of step {} (sigma {}) is none of the run's model calls", step.call, step.index, step.sigma));
}

const PlanTable::Plan& PlanTable::at(const Site& site, int call) const {
  if (!has(call)) fail(ErrorCode::internal, "control", fmt::format("no plan was made of call {}", call));
  return plans[moments[class_of_site[site.index]][call]];
}

int PlanTable::row_plan(const Plan& plan, const Row& row) const {
  const auto within = [](int i, size_t count) { return i >= 0 && static_cast<size_t>(i) < count; };
  if (within(row.role, row_classes.size()) && within(row.image, row_classes[row.role].size()))
    if (const int row_class = row_classes[row.role][row.image]; row_class >= 0 && plan.rows[row_class] >= 0)
      return plan.rows[row_class];
  fail(ErrorCode::internal, "control", fmt::format("image {} has no row of role {} in this call", row.image, row.role));
}

AttentionPlan Program::plan(const Site& site, const Step& step) const {
  const auto& d = *data_;
  const int call = d.call(step);
  const auto& plan = d.table.at(site, call);
  AttentionPlan out;
  for (const auto& row : step.rows) {
    const auto& found = d.table.row_plans[d.table.row_plan(plan, row)];
    out.rows.push_back(found.readings);
    if (found.order) out.orders.resize(step.rows.size()), out.orders[out.rows.size() - 1] = found.order;
    if (found.finishes.empty()) continue;
    out.finishes.resize(step.rows.size());
    out.finishes[out.rows.size() - 1] = found.finishes;
  }
  const auto& now = d.steps[call];
  for (const auto& blurred : now.blurred)
    if (blurred.sites[site.index]) out.looks = now.looked_at();
  for (size_t i = 0; i < d.captures.size(); ++i)
    if (d.captures[i].sites[site.index] && d.captures[i].calls[call]) out.captures.push_back(static_cast<int>(i));
  return out;
}

StepPlan Program::step(const Step& step) const {
  return data_->steps[data_->call(step)];
}

bool Program::lives() const {
  return data_->again != nullptr;
}

const std::vector<ContextSpec>& Program::texts() const {
  return data_->texts;
}
const std::vector<CaptureSpec>& Program::captures() const {
  return data_->captures;
}
const std::vector<FunctionSpec>& Program::functions() const {
  return data_->functions;
}
const std::vector<std::string>& Program::notes() const {
  return data_->notes;
}
const std::vector<ControlReport>& Program::reports() const {
  return data_->reports;
}

const std::vector<int>& Program::acting(const Site& site, const Step& step) const {
  return data_->table.at(site, data_->call(step)).acting;
}

}  // namespace corepulse::control
