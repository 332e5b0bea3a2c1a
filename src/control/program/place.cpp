#include "control/program/place.h"

#include <algorithm>
#include <fmt/format.h>

#include "control/kind.h"
#include "control/program/recording.h"
#include "control/program/weights.h"
#include "control/program/window.h"
#include "control/quote.h"
#include "control/recipe/check.h"

namespace corepulse::control {
namespace {

void check_images(const std::vector<int>& images, const Context& context, const std::string& path) {
  for (size_t i = 0; i < images.size(); ++i) check_image(images[i], context, fmt::format("{}.images[{}]", path, i));
}

void check_heads(const Placed& item, const Context& context) {
  const auto& heads = item.control->heads;
  if (heads.empty()) return;
  int most = 0;
  for (size_t i = 0; i < item.sites.size(); ++i)
    if (item.sites[i]) most = std::max(most, context.inputs.sites[i].heads);
  for (size_t i = 0; i < heads.size(); ++i)
    if (heads[i] < 0 || heads[i] >= most)
      refuse(fmt::format("{}.heads[{}]", item.path, i),
             fmt::format("head {}; the layers it acts on have heads 0..{}", heads[i], most - 1));
}

void check_regions(const Placed& item, Context& context) {
  const auto grids = context.grids_of(item.sites);
  auto& masks = context.tables.masks;
  if (item.control->region) masks.require_some(*item.control->region, grids, item.path + ".region");
  for (const auto& [region, path] : item.effect->regions()) masks.require_some(*region, grids, item.path + path);
}

/** What is drawn once for the run follows nothing. */
void refuse_live(const corepulse::Control& control, const std::string& path) {
  if (control.region && is_live(*control.region))
    refuse(
        path + ".region",
        fmt::format("{} draws it once for all steps, and where words are looked at changes; expected other shapes than "
                    "attention",
                    kind_of(control.effect).name));
}

void check_calls(Rows rows, const std::vector<bool>& calls, const StepInputs& steps, const std::string& path) {
  if (rows != Rows::uncond) return;
  for (size_t i = 0; i < calls.size(); ++i)
    if (calls[i] && steps.plans[i].guided) return;
  refuse(path + ".rows",
         "no negative prompt is read while it acts: there is no guidance; expected rows cond, or guidance above 1");
}

/** An effect at its layers and calls, with its numbers there. */
Placed placed(EffectPointer effect, const std::string& where, const Window& when, Rows rows, const std::string& path,
              Context& context) {
  const auto& calls = context.inputs.calls;
  Placed item{.path = path, .effect = std::move(effect), .rows = rows};
  item.sites = select(context.sites, where, item.effect->attention(), path + ".where");
  item.calls = active_calls(when, calls, path + ".when");
  item.numbers_at.assign(calls.size(), -1);
  context.budget.spend(calls.size());
  std::map<std::vector<double>, int> known;
  for (size_t i = 0; i < calls.size(); ++i) {
    if (!item.calls[i]) continue;
    const auto numbers = item.effect->numbers(calls[i].progress);
    const auto [place, fresh] = known.emplace(numbers, static_cast<int>(item.numbers.size()));
    if (fresh) item.numbers.push_back(numbers);
    item.numbers_at[i] = place->second;
  }
  return item;
}

Placed place_control(int index, Context& context, const StepInputs& steps) {
  const auto& control = context.controls[index];
  const auto path = context.path_of(index);
  check_images(control.images, context, path);
  auto effect = kind_of(control.effect).attention(control, context.tables, path);
  if (const auto image = effect->image()) check_image(*image, context, path + ".image");
  const auto rows = control.rows.value_or(effect->default_rows());
  auto item = placed(std::move(effect), control.where, control.when, rows, path, context);
  item.index = index, item.control = &control;
  if (item.effect->perturbs()) item.role = role_of(index);
  if (item.effect->recording()) narrow_to_recording(item, context, steps);
  check_calls(rows, item.calls, steps, path);
  check_heads(item, context);
  check_regions(item, context);
  return item;
}

/** Rows in which the item acts, in the calls where they count. */
void add_rows(const Placed& item, const Context& context, StepInputs& steps) {
  FurtherRow row{.kind = FurtherRow::Kind::perturbed, .role = *item.role};
  row.images = images_of(*item.control, context.inputs.batch);
  for (size_t call = 0; call < item.calls.size(); ++call) {
    if (!item.calls[call]) continue;
    row.scale = item.numbers[item.numbers_at[call]][0];
    if (row.scale != 0 || !context.options.elide) steps.plans[call].further.push_back(row);
  }
}

void place_attention(int index, Context& context, StepInputs& steps, std::vector<Placed>& placed) {
  placed.push_back(place_control(index, context, steps));
  if (placed.back().role) add_rows(placed.back(), context, steps);
}

std::vector<Placed> place_weights(int index, Context& context, StepInputs& steps) {
  const auto& control = context.controls[index];
  const auto path = context.path_of(index);
  check_images(control.images, context, path);
  refuse_live(control, path);
  const auto calls = active_calls(control.when, context.inputs.calls, path + ".when");
  check_calls(control.rows.value_or(Rows::both), calls, steps, path);
  return change_weights(index, context, steps);
}

/** Of kinds that act besides attention and weights: how they are added. */
using AddToCalls = void (*)(int index, Context& context, StepInputs& steps);

void place_besides(int index, Context& context, StepInputs& steps, AddToCalls add, Rows usual) {
  const auto& control = context.controls[index];
  const auto path = context.path_of(index);
  check_images(control.images, context, path);
  const auto calls = active_calls(control.when, context.inputs.calls, path + ".when");
  check_calls(control.rows.value_or(usual), calls, steps, path);
  add(index, context, steps);
}

CaptureSpec place_capture(int index, const Context& context, const StepInputs& steps) {
  const auto& control = context.controls[index];
  const auto path = context.path_of(index);
  check_images(control.images, context, path);
  auto spec = kind_of(control.effect).capture(control);
  using What = CaptureSpec::What;
  spec.control = index, spec.path = path;
  const auto where = path + ".where";
  if (spec.what == What::features) {
    spec.sites.assign(context.inputs.sites.size(), false);
    spec.resnets = select(context.resnets, control.where, AttentionKind::both, where);
  } else {
    const auto kind = spec.what == What::keys ? AttentionKind::self : AttentionKind::cross;
    spec.sites = select(context.sites, control.where, kind, where);
  }
  spec.calls = active_calls(control.when, context.inputs.calls, path + ".when");
  if (spec.what != What::map) settle_recording(spec, context, steps);
  return spec;
}

}  // namespace

bool Placed::takes_image(int image) const {
  return !control || control::takes_image(*control, image);
}

Placement place(Context& context, StepInputs& steps) {
  Placement all;
  for (int i = 0; i < static_cast<int>(context.controls.size()); ++i) {
    const auto& control = context.controls[i];
    const auto& kind = kind_of(control.effect);
    check(control, context.path_of(i));
    if (!control.enabled) continue;
    const bool blurs = kind.blurs && kind.blurs(control.effect);
    if (blurs) place_besides(i, context, steps, add_blurred_calls, Rows::cond);
    if (kind.attention && !blurs) place_attention(i, context, steps, all.placed);
    if (kind.capture) all.captures.push_back(place_capture(i, context, steps));
    if (kind.side || kind.mixes) refuse_live(control, context.path_of(i));
    if (kind.side) place_besides(i, context, steps, add_side_calls, Rows::both);
    if (kind.mixes) place_besides(i, context, steps, add_feature_mixes, Rows::both);
    if (kind.latents) place_besides(i, context, steps, add_blends, Rows::both);
    if (kind.features) place_besides(i, context, steps, add_feature_gains, Rows::both);
    if (!kind.weights) continue;
    for (auto& item : place_weights(i, context, steps)) all.placed.push_back(std::move(item));
  }
  for (size_t i = 0; i < context.inputs.functions.size(); ++i) {
    const auto& use = context.inputs.functions[i];
    all.placed.push_back(placed(function_effect(use, context.tables), use.where, use.when, use.rows,
                                fmt::format("functions[{}]", i), context));
  }
  return all;
}

}  // namespace corepulse::control
