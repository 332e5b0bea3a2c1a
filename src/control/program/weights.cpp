#include "control/program/weights.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/window.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

/** The first names of the blocks in which the adapter changes something. */
std::string blocks_of(const AdapterInfo& adapter, const std::vector<Site>& layers) {
  std::vector<std::string> names;
  for (const auto& layer : layers) {
    if (!adapter.layers.contains(layer.path)) continue;
    const auto name = layer.kind == BlockKind::none ? layer.path : block_name(layer);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  constexpr size_t kMost = 12;
  const bool more = names.size() > kMost;
  if (more) names.resize(kMost);
  return names.empty() ? "only text encoders" : fmt::format("{}{}", fmt::join(names, ", "), more ? ", ..." : "");
}

/** Of the layers that the control names, those that its file changes. */
std::vector<bool> changed_layers(const corepulse::Control& control, const AdapterInfo& adapter, const Context& context,
                                 const std::string& path) {
  const auto& layers = context.inputs.layers;
  auto chosen = select(context.layers, control.where, AttentionKind::both, path);
  for (size_t i = 0; i < layers.size(); ++i) chosen[i] = chosen[i] && adapter.layers.contains(layers[i].path);
  if (!control.where.empty() && std::find(chosen.begin(), chosen.end(), true) == chosen.end())
    fail(ErrorCode::invalid_request, path,
         fmt::format("the file changes no layer there; it changes {}", blocks_of(adapter, layers)));
  return chosen;
}

std::shared_ptr<const std::set<std::string>> paths(const std::vector<bool>& chosen, const std::vector<Site>& layers) {
  std::set<std::string> all;
  for (size_t i = 0; i < chosen.size(); ++i)
    if (chosen[i]) all.insert(layers[i].path);
  return std::make_shared<const std::set<std::string>>(std::move(all));
}

}  // namespace

void change_weights(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[static_cast<size_t>(index)];
  const auto& in = context.inputs;
  const auto path = context.path_of(index);
  const auto use = kind_of(control.effect).weights(control, in, path);
  const auto& adapter = in.adapters[static_cast<size_t>(use.adapter)];
  auto& report = steps.reports[static_cast<size_t>(index)];
  report.layers = changed_layers(control, adapter, context, path + ".where");
  const auto layers = static_cast<int>(std::count(report.layers.begin(), report.layers.end(), true));
  const auto active = active_calls(control.when, in.calls, path + ".when");
  context.budget.spend(active.size() + in.layers.size());
  WeightChange change{.adapter = use.adapter};
  if (!control.where.empty()) change.layers = paths(report.layers, in.layers);
  report.calls.assign(active.size(), false);
  for (size_t call = 0; call < active.size(); ++call) {
    const double progress = in.calls[call].progress;
    if (!active[call]) continue;
    change.strength = layers > 0 ? static_cast<float>(use.strength->at(progress)) : 0;
    change.text_strength = use.text_strength && adapter.texts ? static_cast<float>(use.text_strength->at(progress)) : 0;
    if (!std::isfinite(change.strength) || !std::isfinite(change.text_strength))
      fail(ErrorCode::invalid_request, path + ".strength", "is beyond the numbers of float32; expected a smaller one");
    if (change.strength == 0 && change.text_strength == 0) continue;
    steps.plans[call].weights.push_back({change});
    report.calls[call] = true;
    report.texts |= change.text_strength != 0;
    if (change.strength != 0) report.pairs += layers;
  }
  const bool acts = std::find(report.calls.begin(), report.calls.end(), true) != report.calls.end();
  report.state = acts ? ControlReport::State::acts : ControlReport::State::neutral;
  if (!acts) report.reason = "its strength is 0";
}

}  // namespace corepulse::control
