// Controls that change features where an up block puts what comes up and a skip together: where, when, by how much.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/step_inputs.h"
#include "control/program/window.h"

namespace corepulse::control {
namespace {

/** By joint, the stage whose numbers it has, or -1. */
std::vector<int> stages_of(const corepulse::Control& control, const FeatureUse& use, const Context& context,
                           const std::string& path) {
  const auto chosen = select(context.joints, control.where, AttentionKind::both, path);
  std::vector<int> stages(chosen.size(), -1);
  for (size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) stages[i] = use.stage(context.inputs.joints[i]);
  if (std::all_of(stages.begin(), stages.end(), [](int stage) { return stage < 0; })) {
    std::string others;
    for (const auto& joint : context.inputs.joints)
      if (use.stage(joint) >= 0) others += (others.empty() ? "" : ", ") + joint.site.path;
    fail(ErrorCode::invalid_request, path,
         others.empty() ? "this model has no layers of these widths; expected stages \"blocks\""
                        : "none of its layers is there; they are " + others);
  }
  return stages;
}

void require_apart(const FeatureGains& one, const FeatureGains& other, const Context& context) {
  const auto& images = other.images;
  const bool same_rows = (one.negative && other.negative) || (one.prompt && other.prompt);
  const bool same_images =
      one.images.empty() || images.empty() || std::any_of(images.begin(), images.end(), [&](int image) {
        return std::find(one.images.begin(), one.images.end(), image) != one.images.end();
      });
  const auto changes = [](const FeatureGains& gains, size_t i) { return gains.backbone[i] != 1 || gains.skip[i] != 1; };
  for (size_t i = 0; i < one.backbone.size() && same_rows && same_images; ++i)
    if (changes(one, i) && changes(other, i))
      fail(ErrorCode::invalid_request, context.path_of(one.control),
           fmt::format("{} changes the features at {}, too; expected other layers, times, rows or images",
                       context.path_of(other.control), context.inputs.joints[i].site.path));
}

float gain_at(const Curve& curve, double progress, const std::string& path) {
  const auto gain = static_cast<float>(curve.at(progress));
  if (!std::isfinite(gain))
    fail(ErrorCode::invalid_request, path, "a number beyond those of float32; expected a smaller one");
  return gain;
}

}  // namespace

void add_feature_gains(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[static_cast<size_t>(index)];
  const auto path = context.path_of(index);
  const auto use = kind_of(control.effect).features(control.effect);
  const auto stages = stages_of(control, use, context, path + ".where");
  const auto active = active_calls(control.when, context.inputs.calls, path + ".when");
  const auto rows = control.rows.value_or(Rows::both);
  auto& report = steps.reports[static_cast<size_t>(index)];
  report.calls.assign(active.size(), false), report.joints.assign(stages.size(), false);
  context.budget.spend(active.size() * stages.size());
  for (size_t call = 0; call < active.size(); ++call) {
    if (!active[call] || (rows == Rows::uncond && !steps.plans[call].guided)) continue;
    const double progress = context.inputs.calls[call].progress;
    FeatureGains gains{index, use.by_mean, {}, {}, rows != Rows::cond, rows != Rows::uncond, control.images};
    int changed = 0;
    for (size_t i = 0; i < stages.size(); ++i) {
      const bool has = stages[i] >= 0;
      gains.backbone.push_back(has ? gain_at(*use.backbone[stages[i]], progress, path) : 1);
      gains.skip.push_back(has ? gain_at(*use.skip[stages[i]], progress, path) : 1);
      if (gains.backbone[i] == 1 && gains.skip[i] == 1) continue;
      report.joints[i] = true, ++changed;
    }
    if (changed == 0) continue;
    for (const auto& other : steps.plans[call].features) require_apart(gains, other, context);
    report.calls[call] = true, report.pairs += changed;
    steps.plans[call].features.push_back(std::move(gains));
  }
  report.state = report.pairs > 0 ? ControlReport::State::acts : ControlReport::State::neutral;
  if (report.pairs == 0) report.reason = "its numbers are 1";
}

}  // namespace corepulse::control
