#include "pipeline/prepare/prepare.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/side_network.h"
#include "control/program/program_data.h"
#include "control/program/window.h"
#include "control/recipe/check.h"
#include "io/utf8.h"
#include "model/layers.h"
#include "pipeline/forecast/hints.h"
#include "pipeline/init/beginning.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/prepare/choices.h"
#include "pipeline/prepare/recipe_words.h"
#include "pipeline/prepare/visit_files.h"
#include "pipeline/weights/variants.h"
#include "text/prompt/lora_tags.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

/** A1111's <lora:name:0.8> in the prompt become controls behind the others. */
Recipe without_lora_tags(Recipe recipe, std::vector<std::string>& notes) {
  if (recipe.syntax != PromptSyntax::a1111) return recipe;
  for (const auto& tag : text::take_lora_tags(recipe.prompt)) {
    if (recipe.loras.empty())
      fail(ErrorCode::invalid_request, "prompt",
           fmt::format("<lora:{}> names a file; expected the folder that holds it: --loras FOLDER (\"loras\")",
                       io::printable(tag.name, 80)));
    auto control = lora(tag.name, tag.strength);
    auto& effect = std::get<Lora>(control.effect);
    if (tag.text_strength != tag.strength) effect.text_strength = tag.text_strength;
    effect.blocks = tag.blocks;
    notes.push_back(
        fmt::format("<lora:{}> in the prompt is control {}", io::printable(tag.name, 80), recipe.controls.size()));
    recipe.controls.push_back(std::move(control));
  }
  if (!recipe.init || !recipe.init->invert || !recipe.init->invert->prompt) return recipe;
  auto inverted = *recipe.init->invert->prompt;
  if (const auto tags = text::take_lora_tags(inverted); !tags.empty())
    fail(ErrorCode::invalid_request, "init.invert.prompt",
         fmt::format(
             "<lora:{}>: the recipe's LoRAs act in the inversion as they do in the run; expected it in the prompt",
             io::printable(tags[0].name, 80)));
  return recipe;
}

/** The files that lists of controls have read so far. */
struct KnownFiles {
  RecordingList recordings;
  AdapterFiles adapters;
  std::string loras;   ///< See Recipe.
  Guides guides = {};  ///< Of runs of the same size.
};

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

ResolvedControls resolve(std::vector<Control> controls, const Resolved& resolved, const std::optional<Start>& start,
                         MaskPictures& masks, const KnownFiles& known, const Outline& outline, const Words& words,
                         const FunctionList& functions, const control::ProgramOptions& options) {
  const Surroundings* around = start && start->around ? &*start->around : nullptr;
  auto in = inputs(resolved, around, outline, words, masks);
  in.functions = function_uses(functions);
  auto files = with_recordings(known.recordings, controls, options.path, outline.parts.unet,
                               [&outline] { return outline.fingerprint(); });
  for (const auto& file : files) in.recordings.push_back(file->info());
  find_adapters(controls, known.loras, options.path);
  auto adapters = with_adapters(known.adapters, controls, options.path, outline.parts);
  for (const auto& file : adapters) in.adapters.push_back(file->info);
  if (!adapters.empty()) in.layers = model::weighted_layers(outline.parts);
  const GuidedRun run{{in.image_width, in.image_height, around, &masks}, in.latent_height, in.latent_width};
  auto guides = with_guides(known.guides, controls, options.path, outline.parts, run);
  settle_rows(controls, guides);
  for (const auto& guide : guides) in.side_networks.push_back(guide->info);
  if (!guides.empty()) in.skips = unet::skips(outline.parts.unet);
  auto program = control::Program::resolve(controls, in, options);
  require_no_bias(program);
  require_negative_rows(program, resolved.sampling);
  keep_digests(controls, guides);
  masks.keep(controls);
  keep_digests(controls, files);
  keep_digests(controls, adapters);
  return {std::move(controls), std::move(program), std::move(files), std::move(adapters), std::move(guides)};
}

void check_edits(const Recipe& recipe, int steps) {
  int from = 0;
  for (size_t i = 0; i < recipe.edits.size(); ++i) {
    const int step = recipe.edits[i].step;
    if (step < from || step >= steps)
      fail(ErrorCode::invalid_request, fmt::format("edits[{}].step", i),
           fmt::format("{}; expected edits in order of steps, here {}..{}", step, from, steps - 1));
    from = step;
  }
}

void append(std::vector<std::string>& list, const std::vector<std::string>& more) {
  list.insert(list.end(), more.begin(), more.end());
}

void add_edits(Prepared& prepared, const Outline& outline, const FunctionList& functions) {
  auto& edits = prepared.resolved.recipe.edits;
  for (size_t i = 0; i < edits.size(); ++i) {
    const auto list = fmt::format("edits[{}]", i);
    auto edit = resolve_edit(edits[i].controls, prepared, outline, functions, list + ".controls");
    append(prepared.notes, neutral_notes(edit.program, list + ": "));
    prepared.control.edit(edits[i].step, std::move(edit.program));
    prepared.recordings = std::move(edit.recordings), prepared.adapters = std::move(edit.adapters);
    prepared.guides = std::move(edit.guides);
    edits[i].controls = std::move(edit.controls);
  }
}

/** What acts in the first of two passes: all but captures that the second one has from the recipe. */
std::vector<Control> of_first_pass(const Recipe& recipe) {
  auto controls = recipe.controls;
  if (recipe.second_pass && !recipe.second_pass->controls)
    for (auto& control : controls)
      if (std::holds_alternative<Capture>(control.effect)) control.enabled = false;
  return controls;
}

/** What of the recipe's controls has a moment in the second pass, too. */
std::vector<Control> of_second_pass(std::vector<Control> controls, const Resolved& resolved,
                                    std::vector<std::string>& notes) {
  const auto moments = calls(resolved);
  const auto acts = [&](const Control& control) {
    if (std::holds_alternative<Capture>(control.effect)) return true;  // which the first pass leaves to this one
    return std::any_of(moments.begin(), moments.end(), [&](const auto& at) { return inside(control.when, at); });
  };
  for (size_t i = 0; i < controls.size(); ++i) {
    if (!controls[i].enabled || acts(controls[i])) continue;
    controls[i].enabled = false;
    notes.push_back(fmt::format("control {}, {}, has no moment in the second pass: it acts in the first", i,
                                control::title(controls[i])));
  }
  return controls;
}

/** Another run of the same request, which has the first one's masks and words and no picture of its own. */
std::unique_ptr<Prepared> beside(const Prepared& first, Resolved resolved, ResolvedControls made,
                                 std::vector<std::string> notes) {
  return std::make_unique<Prepared>(Prepared{.resolved = std::move(resolved),
                                             .control = control::Timeline(std::move(made.program)),
                                             .recordings = std::move(made.recordings),
                                             .adapters = std::move(made.adapters),
                                             .guides = std::move(made.guides),
                                             .masks = first.masks,
                                             .words = first.words,
                                             .start = {},
                                             .notes = std::move(notes)});
}

std::unique_ptr<Prepared> second_pass(const Prepared& first, const Outline& outline, const FunctionList& functions,
                                      bool elide) {
  const auto& pass = *first.resolved.recipe.second_pass;
  auto resolved = pipeline::resolve(second_run(first.resolved.recipe, outline.info.latent_downscale), outline.info,
                                    outline.parts.scheduler);
  resolved.encodings = starts_from_pictures(pass) ? static_cast<int>(resolved.recipe.seeds.size()) : 0;
  std::vector<std::string> notes;
  const auto controls = pass.controls ? *pass.controls : of_second_pass(resolved.recipe.controls, resolved, notes);
  std::optional<Start> measured;  // what pixels of the recipe's controls are
  if (const auto& own = first.resolved.recipe; !pass.controls && measures_in_pixels(controls))
    measured = Start{{}, {}, Surroundings{{own.width, own.height, {}, {}}, {0, 0, own.width, own.height}}};
  auto made =
      resolve(controls, resolved, measured, *first.masks, {{}, first.adapters, first.loras}, outline, first.words,
              functions, {.elide = elide, .path = pass.controls ? "second_pass.controls" : "controls"});
  resolved.recipe.controls = std::move(made.controls);
  if (pass.controls) append(notes, neutral_notes(made.program, "second pass: "));
  append(notes, notes_of(made.adapters, first.adapters.size()));
  return beside(first, std::move(resolved), std::move(made), std::move(notes));
}

void add_second_pass(Prepared& prepared, const Outline& outline, const FunctionList& functions, bool elide) {
  auto& pass = prepared.resolved.recipe.second_pass;
  if (!pass) return;
  try {
    prepared.second = second_pass(prepared, outline, functions, elide);
  } catch (const Error& error) {
    fail_in_second_pass(error);
  }
  pass = resolved_pass(*pass, prepared.second->resolved.recipe);
  append(prepared.notes, prepared.second->notes);
}

/** The picture's way back is the model's own: with the weights that LoRAs change, and without all other controls. */
std::unique_ptr<Prepared> inversion_of(const Prepared& first, const Outline& outline) {
  auto resolved = first.resolved;
  auto& recipe = resolved.recipe;
  if (const auto& prompt = recipe.init->invert->prompt) recipe.prompt = *prompt, recipe.prompt_2.clear();
  recipe.negative_prompt.clear(), recipe.negative_prompt_2.clear();
  recipe.guidance = 1, recipe.guidance_rescale = 0;
  for (auto& control : recipe.controls)  // there is no negative prompt
    control.enabled &= std::holds_alternative<Lora>(control.effect) && control.rows != Rows::uncond;
  recipe.init.reset(), recipe.second_pass.reset(), recipe.edits.clear();
  resolved.encodings = 0;
  auto made = resolve(recipe.controls, resolved, first.start, *first.masks, {{}, first.adapters, first.loras}, outline,
                      first.words, {}, {});
  return beside(first, std::move(resolved), std::move(made), {});
}

/** The recipe with its choices made and its tags taken; the model's notes, which look at the tags, and those of that.
 */
Recipe spelled_out(const Recipe& given, const Outline& outline, std::vector<std::string>& notes) {
  std::vector<std::string> changes;
  auto recipe = without_lora_tags(with_choices(given, changes), changes);
  notes = notes_of_model(recipe, outline);
  append(notes, changes);
  return recipe;
}

/** What LoRAs left out, and how often weights are merged. */
std::vector<std::string> notes_of_weights(const Prepared& prepared) {
  auto notes = notes_of(prepared.adapters);
  append(notes, merge_notes(prepared.control));
  return notes;
}

/** All texts that the run reads. */
std::vector<std::string> written(const Prepared& prepared) {
  std::vector<std::string> texts;
  for (const auto* pass : all_runs(prepared))
    for (const auto& text : pass->control.texts()) texts.push_back(text.prompt);
  return texts;
}

}  // namespace

std::vector<const Prepared*> all_runs(const Prepared& prepared) {
  std::vector<const Prepared*> runs;
  for (const auto* run : {static_cast<const Prepared*>(prepared.inversion.get()), &prepared,
                          static_cast<const Prepared*>(prepared.second.get())})
    if (run) runs.push_back(run);
  return runs;
}

Prepared prepare(const Recipe& given, const Outline& outline, const FunctionList& functions, bool elide) {
  std::vector<std::string> notes;
  auto recipe = spelled_out(given, outline, notes);
  const auto masks = std::make_shared<MaskPictures>();
  std::optional<Beginning> beginning;
  if (recipe.init) beginning.emplace(*recipe.init, outline.info.latent_downscale, *masks);
  auto resolved = resolve(recipe, outline.info, outline.parts.scheduler,
                          beginning ? std::optional(beginning->size()) : std::nullopt);
  const auto words = words_of(recipe, outline);
  if (recipe.syntax == PromptSyntax::plain) note_cuts(recipe, outline, words, notes);
  check_edits(resolved.recipe, resolved.schedule.steps());
  auto start = beginning ? std::optional(beginning->start(resolved.recipe, *masks)) : std::nullopt;
  auto first = resolve(of_first_pass(recipe), resolved, start, *masks, {{}, {}, recipe.loras}, outline, words,
                       functions, {.elide = elide});
  for (size_t i = 0; i < recipe.controls.size(); ++i) first.controls[i].enabled = recipe.controls[i].enabled;
  resolved.recipe.controls = std::move(first.controls);
  resolved.recipe.loras.clear();
  Prepared prepared{.resolved = resolved,
                    .control = control::Timeline(std::move(first.program)),
                    .recordings = std::move(first.recordings),
                    .adapters = std::move(first.adapters),
                    .guides = std::move(first.guides),
                    .loras = recipe.loras,
                    .masks = masks,
                    .words = words,
                    .start = std::move(start),
                    .notes = notes};
  if (!functions.empty())
    prepared.notes.push_back(
        "attention functions of the application acted; the recipe alone does not repeat this picture");
  append(prepared.notes, neutral_notes(prepared.control.programs().front().second));
  add_edits(prepared, outline, functions);
  if (recipe.init && recipe.init->invert) prepared.inversion = inversion_of(prepared, outline);
  add_second_pass(prepared, outline, functions, elide);
  name_words(prepared, outline, prepared.resolved.recipe);
  append(prepared.notes, notes_of_weights(prepared));
  append(prepared.notes, hints(recipe, prepared.control.texts(), prepared.resolved.recipe.embeddings));
  note_unknown_words(written(prepared), outline, prepared.resolved.recipe.embeddings, prepared.notes);
  return prepared;
}

ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const Outline& outline,
                              const FunctionList& functions, const std::string& path) {
  const KnownFiles known{prepared.recordings, prepared.adapters, prepared.loras, prepared.guides};
  return resolve(controls, prepared.resolved, prepared.start, *prepared.masks, known, outline, prepared.words,
                 functions, {.texts = prepared.control.texts(), .path = path});
}

}  // namespace corepulse::pipeline
