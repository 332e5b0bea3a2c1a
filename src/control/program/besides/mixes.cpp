// Controls that give resnets others' features: whose, at which of them, at which calls, by how much.
#include <algorithm>
#include <fmt/format.h>

#include "control/kind.h"
#include "control/program/besides/drawn.h"
#include "control/program/recording.h"
#include "control/program/window.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

/** There are other images that it acts on. */
void require_others(int image, const corepulse::Control& control, const Context& context, const std::string& path) {
  check_image(image, context, path + ".image");
  auto others = images_of(control, context.inputs.batch);
  std::erase(others, image);
  if (others.empty())
    refuse(path, fmt::format("image {} would take its own features; expected other images in the batch", image));
}

}  // namespace

void add_feature_mixes(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[static_cast<size_t>(index)];
  const auto& in = context.inputs;
  const auto path = context.path_of(index);
  const auto use = kind_of(control.effect).mixes(control.effect, in, path);
  const auto rows = control.rows.value_or(Rows::both);
  auto active = active_calls(control.when, in.calls, path + ".when");
  auto resnets = select(context.resnets, control.where, AttentionKind::both, path + ".where");
  if (use.source.kind == Source::Kind::image)
    require_others(use.source.id, control, context, path);
  else
    narrow_to_recording(
        {.control = control, .path = path, .rows = rows, .any_row = true, .what = Capture::What::features},
        in.recordings[static_cast<size_t>(use.source.id)], in.resnets, {resnets, active}, context, steps);
  auto& report = steps.reports[static_cast<size_t>(index)];
  DrawnRegion region;
  if (control.region) {
    region = drawn(*control.region, context.resnets, resnets, path + ".region", context);
    report.region = region.cells;
    if (region.whole && context.options.elide) region.by_site.clear();
  }
  report.calls.assign(active.size(), false);
  context.budget.spend(active.size() * resnets.size());
  for (size_t call = 0; call < active.size(); ++call) {
    if (!active[call] || (rows == Rows::uncond && !steps.plans[call].guided)) continue;
    const auto strength = static_cast<float>(use.strength->at(in.calls[call].progress));
    if (strength == 0 && context.options.elide) continue;
    auto& plan = steps.plans[call];
    plan.mixes.push_back({index, use.source, strength, resnets, region.by_site, rows != Rows::cond,
                          rows != Rows::uncond, control.images});
    plan.joins_images |= use.source.kind == Source::Kind::image;
    if (strength == 0) continue;
    report.calls[call] = true;
    report.pairs += static_cast<int>(std::count(resnets.begin(), resnets.end(), true));
  }
  report.resnets = std::move(resnets);
  report.state = report.pairs > 0 ? ControlReport::State::acts : ControlReport::State::neutral;
  if (report.pairs == 0) report.reason = "its strength is 0, or no row that it acts on is there when it does";
}

}  // namespace corepulse::control
