// Controls that make calls of their own, of the picture blurred where it is looked at most: by which layers, when.
#include <algorithm>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/step_inputs.h"
#include "control/program/window.h"

namespace corepulse::control {
namespace {

/** The first self-attention layer of the middle block: Diffusers' and ComfyUI's. */
std::vector<bool> usual_layer(const Context& context, const std::string& path) {
  std::vector<bool> chosen(context.inputs.sites.size(), false);
  for (const auto& site : context.inputs.sites)
    if (site.kind == BlockKind::middle && !site.cross) return chosen[static_cast<size_t>(site.index)] = true, chosen;
  fail(ErrorCode::invalid_request, path, "this model's middle block has no self-attention; expected layers that have");
}

std::vector<bool> layers_of(const corepulse::Control& control, const Context& context, const std::string& path) {
  if (control.where.empty()) return usual_layer(context, path);
  auto chosen = select(context.sites, control.where, AttentionKind::self, path);
  if (context.grids_of(chosen).size() > 1)
    fail(ErrorCode::invalid_request, path,
         "its layers have grids of several sizes, and their maps no mean; expected layers of one size");
  return chosen;
}

}  // namespace

void add_blurred_calls(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[static_cast<size_t>(index)];
  const auto path = context.path_of(index);
  const auto use = *kind_of(control.effect).blurs(control.effect);
  BlurredCall blurred{.control = index, .sigma = use.sigma, .threshold = use.threshold, .sites = {}, .images = {}};
  blurred.sites = layers_of(control, context, path + ".where");
  blurred.grid = context.grids_of(blurred.sites).front();
  blurred.images = images_of(control, context.inputs.batch);
  const auto active = active_calls(control.when, context.inputs.calls, path + ".when");
  auto& report = steps.reports[static_cast<size_t>(index)];
  report.calls.assign(active.size(), false), report.sites = blurred.sites;
  context.budget.spend(active.size() + blurred.sites.size());
  for (size_t call = 0; call < active.size(); ++call) {
    if (!active[call]) continue;
    blurred.scale = use.scale->at(context.inputs.calls[call].progress);
    if (blurred.scale == 0 && context.options.elide) continue;
    report.calls[call] = true;
    report.pairs += static_cast<int>(std::count(blurred.sites.begin(), blurred.sites.end(), true));
    steps.plans[call].blurred.push_back(blurred);
  }
  report.state = report.pairs > 0 ? ControlReport::State::acts : ControlReport::State::neutral;
  if (report.pairs == 0) report.reason = "its scale is 0";
}

}  // namespace corepulse::control
