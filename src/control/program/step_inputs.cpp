#include "control/program/step_inputs.h"

#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "base/fail.h"
#include "control/kind.h"
#include "control/program/window.h"
#include "control/quote.h"
#include "control/recipe/check.h"

namespace corepulse::control {
namespace {

bool is_guided(const StepPlan& plan, const ProgramInputs& inputs) {
  const bool beside_prompts = std::any_of(plan.further.begin(), plan.further.end(),
                                          [](const FurtherRow& row) { return row.kind == FurtherRow::Kind::prompt; });
  return beside_prompts || plan.guidance > 1 || (plan.guidance < 1 && inputs.guided_below_one);
}

bool equal(const StepPlan& a, const StepPlan& b) {
  return a.guidance == b.guidance && a.pooled == b.pooled && a.negative == b.negative && a.time_ids == b.time_ids &&
         a.further == b.further && a.shape == b.shape;
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

/** By image, the prompt that it reads: the recipe's, or one that a control gives it. */
std::vector<int> own_prompts(Context& context) {
  auto& texts = context.tables.texts;
  std::vector<int> prompts(static_cast<size_t>(context.inputs.batch), texts.number(0));
  std::vector<std::string> giver(prompts.size());
  const auto& elsewhere = context.options.image_prompts;
  for (size_t image = 0; image < elsewhere.size(); ++image)
    if (elsewhere[image]) prompts[image] = texts.add_own(*elsewhere[image]), giver[image] = "another control";
  for (int i = 0; i < static_cast<int>(context.controls.size()); ++i) {
    for (int image = 0; image < context.inputs.batch; ++image) {
      const auto prompt = prompt_by(context.controls[i], image);
      if (!prompt) continue;
      const int text = texts.add_own(*prompt);
      if (!giver[image].empty() && prompts[image] != text)
        refuse(context.path_of(i) + ".prompt",
               fmt::format("image {} has another prompt by {}; expected the same one, or other images", image,
                           giver[image]));
      prompts[image] = text, giver[image] = context.path_of(i);
    }
  }
  return prompts;
}

/** Rows for the prompts that are joined to the run's, and its own weight. */
void join(std::vector<StepPlan>& plans, Context& context) {
  const auto& in = context.inputs;
  auto& texts = context.tables.texts;
  std::vector<int> images(static_cast<size_t>(in.batch));
  std::iota(images.begin(), images.end(), 0);
  for (size_t call = 0; call < plans.size(); ++call) {
    const double guidance = plans[call].guidance;
    for (size_t i = 0; i < in.joined.size(); ++i) {
      const auto& [weight, by_step] = in.joined[i];
      plans[call].further.push_back(
          {.kind = FurtherRow::Kind::prompt,
           .role = role_of(static_cast<int>(context.controls.size() + i)),
           .scale = guidance * weight,
           .text = texts.publish(texts.add(by_step.at(static_cast<size_t>(in.calls[call].index)))),
           .images = images});
    }
    plans[call].guidance = guidance * in.prompt_weight;
  }
}

/** A row that says what the model draws without the picture beside it, of all images: u + image_guidance (n - u). */
void add_without_picture(StepPlan& plan, const Context& context) {
  const double scale = *context.inputs.image_guidance - 1;  // n itself is the negative row's
  if (scale == 0 && context.options.elide) return;
  FurtherRow row{.kind = FurtherRow::Kind::without_picture,
                 .role = kWithoutPicture,
                 .scale = scale,
                 .text = plan.negative,
                 .images = std::vector<int>(static_cast<size_t>(context.inputs.batch))};
  std::iota(row.images.begin(), row.images.end(), 0);
  plan.further.push_back(std::move(row));
}

/** @throws Error{invalid_request} for ways of adding up guidance that mean nothing together. */
void require_shapes(const std::vector<StepPlan>& plans, const Context& context) {
  for (const auto& plan : plans) {
    const auto& shape = plan.shape;
    if (shape.bands && (shape.skim || shape.threshold))
      refuse(context.options.path,
             fmt::format("frequency_guidance gives the difference two guidances, and {} asks for one; expected one of "
                         "the two, or other windows",
                         shape.skim ? "skimmed_guidance" : "thresholded_guidance"));
    if (!shape.plain() && !context.inputs.joined.empty())
      refuse(context.options.path,
             "prompts joined by AND have a difference each, and what shapes guidance is made for one; expected one "
             "prompt, or rescaled_guidance alone");
  }
}

/** Where the prompt changes with the steps, what every image reads at every call. */
std::vector<std::vector<int>> changing(const std::vector<int>& prompts, const Context& context) {
  const auto& texts = context.tables.texts;
  if (!texts.changes(0)) return {prompts};
  std::vector<std::vector<int>> by_call;
  for (const auto& call : context.inputs.calls) {
    by_call.push_back(prompts);
    for (auto& text : by_call.back()) text = texts.at(text, call.index);
  }
  return by_call;
}

}  // namespace

StepInputs set_inputs(Context& context) {
  StepInputs out;
  out.prompts = own_prompts(context);
  out.prompts_at = changing(out.prompts, context);
  for (const auto& call : context.inputs.calls)
    out.plans.push_back({.guidance = context.inputs.guidance,
                         .negative = context.tables.texts.publish(context.tables.texts.at(1, call.index))});
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
  require_shapes(out.plans, context);
  if (!context.inputs.joined.empty()) join(out.plans, context);
  auto& texts = context.tables.texts;
  for (size_t call = 0; call < out.plans.size(); ++call) {
    auto& plan = out.plans[call];
    const auto& prompts = prompts_at(out, static_cast<int>(call));
    const bool own = std::any_of(prompts.begin(), prompts.end(), [&](int t) { return t != texts.number(0); });
    for (const int text : prompts)
      if (own) plan.prompts.push_back(texts.publish(text));
    plan.guided = is_guided(plan, context.inputs);
    if (plan.guided && context.inputs.image_guidance) add_without_picture(plan, context);
    out.negative.push_back(texts.number(plan.negative));
  }
  return out;
}

}  // namespace corepulse::control
