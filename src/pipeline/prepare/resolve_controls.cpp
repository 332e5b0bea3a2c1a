#include "pipeline/prepare/resolve_controls.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/side_network.h"
#include "control/kind.h"
#include "control/program/program_data.h"
#include "model/layers.h"
#include "pipeline/prepare/recipe_words.h"
#include "pipeline/prepare/visit_files.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

/** CFG++ goes along what the negative prompt predicts: every call must have such rows. */
void require_negative_rows(const control::Program& program, const SamplingOptions& sampling) {
  if (sampling.sampler != SamplerKind::euler_cfg_pp && sampling.sampler != SamplerKind::dpmpp_2m_cfg_pp) return;
  for (const auto& call : program.data().calls) {
    const auto plan = program.step(call);
    if (!plan.guided)
      fail(ErrorCode::invalid_request, "sampler",
           fmt::format("{} goes along what the negative prompt predicts, and at step {} guidance is {}: nothing reads "
                       "it; expected more than 1 throughout (with CFG++ 1.2 to 2.5 is much)",
                       name(sampling.sampler), call.index, plan.guidance));
  }
}

/** What is averaged over the picture goes to the prompt's rows alone, as in Diffusers, unless the control says more. */
void settle_rows(std::vector<Control>& controls, const Guides& guides) {
  for (auto& control : controls) {
    if (!control.enabled || control.rows || !side_network_of(control)) continue;
    const auto name = control::side_network_name(control.effect);
    for (const auto& guide : guides)
      if (guide->pool && guide->info.name == name) control.rows = Rows::cond;
  }
}

/** Images of an edit read their prompt in the whole pass, whichever model the edit acts in. */
std::vector<std::optional<std::string>> image_prompts(const std::vector<Control>& controls, const Resolved& resolved) {
  std::vector<std::optional<std::string>> prompts(resolved.recipe.seeds.size());
  for (const auto& control : controls)
    for (size_t image = 0; image < prompts.size(); ++image)
      if (!prompts[image]) prompts[image] = control::prompt_by(control, static_cast<int>(image));
  return prompts;
}

}  // namespace

PassControl pass_of(const Resolved& resolved, const std::optional<Start>& start, MaskPictures& masks,
                    const Outline& outline, const Words& words, const FunctionList& functions,
                    const std::optional<Handover>& handover) {
  if (!handover) return {resolved, start, masks, {outline, words, calls(resolved), functions}};
  auto parts = divided(functions, *handover, outline);
  return {resolved,
          start,
          masks,
          {outline, words, handover->before, std::move(parts.first)},
          PassControl::Model{*handover->outline, words_of(resolved.recipe, *handover->outline), handover->behind,
                             std::move(parts.second)},
          &*handover};
}

ResolvedControls resolve_controls(std::vector<Control> controls, const Resolved& resolved, const PassControl& pass,
                                  const PassControl::Model& model, const KnownFiles& known,
                                  control::ProgramOptions options) {
  const auto* around = pass.start && pass.start->around ? &*pass.start->around : nullptr;
  const auto& outline = model.outline;
  auto in = inputs(resolved, model.calls, around, outline, model.words, pass.masks);
  in.functions = function_uses(model.functions);
  auto files = with_recordings(known.recordings, controls, options.path, outline.parts.unet,
                               [&outline] { return outline.fingerprint(); });
  for (const auto& file : files) in.recordings.push_back(file->info());
  find_adapters(controls, known.loras, options.path);
  auto adapters = with_adapters(known.adapters, controls, options.path, outline.parts);
  for (const auto& file : adapters) in.adapters.push_back(file->info);
  if (!adapters.empty()) in.layers = model::weighted_layers(outline.parts);
  const GuidedRun run{{in.image_width, in.image_height, around, &pass.masks}, in.latent_height, in.latent_width};
  auto guides = with_guides(known.guides, controls, options.path, outline.parts, run);
  settle_rows(controls, guides);
  for (const auto& guide : guides) in.side_networks.push_back(guide->info);
  if (!guides.empty()) in.skips = unet::skips(outline.parts.unet);
  auto pictures = with_picture_prompts(known.pictures, controls, options.path, outline.parts);
  for (const auto& prompt : pictures) in.picture_prompts.push_back(prompt->info);
  options.texts = known.texts;
  auto program = control::Program::resolve(controls, in, options);
  require_no_bias(program);
  require_negative_rows(program, resolved.sampling);
  keep_digests(controls, guides);
  keep_digests(controls, pictures);
  pass.masks.keep(controls);
  keep_digests(controls, files);
  keep_digests(controls, adapters);
  return {std::move(controls), std::move(program), std::move(files),
          std::move(adapters), std::move(guides),  std::move(pictures)};
}

ResolvedControls resolve_controls(const std::vector<Control>& controls, const PassControl& pass,
                                  const KnownFiles& known, const KnownFiles& known_behind,
                                  control::ProgramOptions options) {
  if (!pass.refiner) return resolve_controls(controls, pass.resolved, pass, pass.own, known, options);
  options.image_prompts = image_prompts(controls, pass.resolved);
  const auto& handover = *pass.handover;
  auto parts = divided(controls, handover, pass.own.outline, known.loras, options.path);
  auto made = resolve_controls(std::move(parts.before), pass.resolved, pass, pass.own, known, options);
  try {
    made.refined = std::make_unique<ResolvedControls>(
        resolve_controls(std::move(parts.behind), handover.resolved, pass, *pass.refiner, known_behind, options));
  } catch (const Error& error) {
    throw Error(error.code(),
                fmt::format("{} (from step {} on, which are the refiner's)", error.what(), handover.step));
  }
  if (made.program.lives() || made.refined->program.lives())
    fail(ErrorCode::invalid_request, options.path,
         "a refiner does not know what was looked at before it; expected regions of other shapes than attention");
  for (size_t i = 0; i < controls.size(); ++i) {
    if (!made.controls[i].enabled && made.refined->controls[i].enabled) made.controls[i] = made.refined->controls[i];
    made.controls[i].enabled = controls[i].enabled;
  }
  made.notes = std::move(parts.notes);
  return made;
}

}  // namespace corepulse::pipeline
