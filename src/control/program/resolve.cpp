// How a Program is made: controls are checked and placed, composed for every layer, call and row, and accounted for.
#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/program/besides/live.h"
#include "control/program/report.h"

namespace corepulse::control {
namespace {

/** The looks of a run may take so many times the work of one program. */
constexpr size_t kMostLooks = 100;

/** Images that look at each other go through the UNet together, row by row of a role. */
void require_equal_weights(const StepPlan& plan, const Context& context) {
  if (!plan.joins_images) return;
  for (const auto& change : plan.weights)
    for (const Role role : {kNegative, kPrompt})
      for (int image = 1; image < context.inputs.batch; ++image)
        if (change.has({image, role}) != change.has({0, role}))
          fail(ErrorCode::invalid_request, context.path_of(change.change.control) + ".images",
               "images look at each other while it acts (share, prompt_to_prompt, features), and so have the same "
               "weights; "
               "expected all images, or another window");
}

/** A blurred call has the rows of its images alone. */
void require_blurred_together(const StepPlan& plan, const Context& context) {
  for (const auto& blurred : plan.blurred)
    if (plan.joins_images && blurred.images.size() < static_cast<size_t>(context.inputs.batch))
      fail(ErrorCode::invalid_request, context.path_of(blurred.control) + ".images",
           "images look at each other while it acts (share, prompt_to_prompt, features), and so are blurred together; "
           "expected all images, or another window");
}

/** Captures of features watch resnets, which are told so with the call. */
void watch_features(const std::vector<CaptureSpec>& captures, std::vector<StepPlan>& plans) {
  for (size_t i = 0; i < captures.size(); ++i)
    for (size_t call = 0; call < plans.size() && captures[i].what == CaptureSpec::What::features; ++call)
      if (captures[i].calls[call]) plans[call].watched.push_back({static_cast<int>(i), captures[i].resnets});
}

/** Reads each picture once: while a run goes on its files may become others. */
PictureReader read_once(const PictureReader& read) {
  if (!read) return read;
  auto known = std::make_shared<std::vector<std::pair<Region, MaskPicture>>>();
  return [read, known](const Region& region) {
    for (const auto& [one, picture] : *known)
      if (one == region) return picture;
    return known->emplace_back(region, read(region)).second;
  };
}

Program::Data resolved(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                       const ProgramOptions& options) {
  Context context(controls, inputs, options);
  auto steps = set_inputs(context);
  auto placement = place(context, steps);
  auto composition = compose(context, steps, placement.placed);
  placement.captures = with_positions(std::move(placement.captures), context);
  auto live = live_captures(placement.placed, steps, context);
  auto reports = report(std::move(steps.reports), placement, composition, context);

  Program::Data data{.sites = inputs.sites, .calls = inputs.calls, .batch = inputs.batch};
  data.layers = inputs.layers, data.skips = inputs.skips, data.joints = context.joint_sites;
  data.resnets = inputs.resnets;
  data.latent_height = inputs.latent_height, data.latent_width = inputs.latent_width;
  data.image_height = inputs.image_height, data.image_width = inputs.image_width;
  for (size_t call = 0; call < steps.plans.size(); ++call)
    for (const auto& moments : composition.table.moments)
      if (composition.table.has(static_cast<int>(call)))
        steps.plans[call].joins_images |= composition.table.plans[moments[call]].joins_images;
  for (const auto& plan : steps.plans) require_equal_weights(plan, context), require_blurred_together(plan, context);
  watch_features(placement.captures, steps.plans);
  data.steps = std::move(steps.plans);
  data.blends = std::move(steps.blends);
  data.table = std::move(composition.table);
  data.texts = context.tables.texts.specs();
  for (size_t id = 0; id < data.texts.size(); ++id)
    data.keys.push_back(context.tables.texts.keys(context.tables.texts.number(static_cast<TextId>(id))));
  for (const auto& prompt : inputs.picture_prompts) data.picture_keys.push_back(prompt.tokens);
  data.captures = std::move(placement.captures);
  for (auto& spec : live) data.captures.push_back(std::move(spec));
  data.functions = context.tables.functions;
  data.notes = data.cut_texts = cut_texts(context.tables.texts);
  for (auto& line : neutral_controls(reports, context)) data.notes.push_back(std::move(line));
  data.reports = std::move(reports);
  data.work = context.budget.spent();
  return data;
}

}  // namespace

Program Program::resolve(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs,
                         const ProgramOptions& options) {
  auto in = inputs;
  in.picture = read_once(inputs.picture);
  auto data = resolved(controls, in, options);
  const auto live = [](const CaptureSpec& spec) { return !spec.live.empty(); };
  if (std::any_of(data.captures.begin(), data.captures.end(), live))
    data.again = std::make_shared<const Again>(Again{controls, std::move(in), options});
  return Program(std::make_shared<const Data>(std::move(data)));
}

Program Program::looking(int step, LiveMasks seen, std::vector<ContextSpec> texts) const {
  if (!lives()) return *this;
  auto inputs = data_->again->inputs;
  auto options = data_->again->options;
  const size_t most = kMostLooks * options.work;
  inputs.live = std::move(seen), options.texts = std::move(texts), options.only_step = step;
  options.work = std::min(options.work, most - std::min(most, data_->work));
  auto data = resolved(data_->again->controls, inputs, options);
  data.again = data_->again, data.looked = true, data.work += data_->work;
  return Program(std::make_shared<const Data>(std::move(data)));
}

}  // namespace corepulse::control
