#include "pipeline/prepare/prepare.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/program/window.h"
#include "control/recipe/check.h"
#include "io/utf8.h"
#include "pipeline/forecast/hints.h"
#include "pipeline/init/beginning.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/prepare/choices.h"
#include "pipeline/prepare/recipe_words.h"
#include "pipeline/prepare/visit_files.h"
#include "pipeline/weights/variants.h"
#include "text/prompt/lora_tags.h"

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

void add_edits(Prepared& prepared) {
  auto& edits = prepared.resolved.recipe.edits;
  for (size_t i = 0; i < edits.size(); ++i) {
    const auto list = fmt::format("edits[{}]", i);
    auto edit = resolve_edit(edits[i].controls, prepared, list + ".controls");
    append(prepared.notes, neutral_notes(edit.program, list + ": "));
    append(prepared.notes, edit.notes);
    edits[i].controls = std::move(edit.controls);
    take(std::move(edit), edits[i].step, prepared);
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

/** A part of a request's run, on one of its models. */
Prepared part_of_run(Resolved resolved, ResolvedControls made, const PassControl::Model& model,
                     std::shared_ptr<MaskPictures> masks, std::vector<std::string> notes = {}) {
  return {.resolved = std::move(resolved),
          .control = control::Timeline(std::move(made.program)),
          .recordings = std::move(made.recordings),
          .adapters = std::move(made.adapters),
          .guides = std::move(made.guides),
          .pictures = std::move(made.pictures),
          .masks = std::move(masks),
          .words = model.words,
          .start = {},
          .notes = std::move(notes),
          .outline = &model.outline,
          .calls = model.calls,
          .functions = model.functions};
}

/** The pass goes on where its handover is. */
void add_refined(Prepared& prepared, std::unique_ptr<ResolvedControls> made, const PassControl& pass,
                 std::optional<Handover> handover) {
  if (!handover) return;
  append(prepared.notes, neutral_notes(made->program, "refiner: "));
  append(prepared.notes, notes_of(made->adapters));
  prepared.refined =
      std::make_unique<Prepared>(part_of_run(handover->resolved, std::move(*made), *pass.refiner, prepared.masks));
  prepared.handover = std::move(handover);
}

/** What regions and their pixels are of: a picture of this size, of which a part is drawn. */
Start sized(int width, int height, const control::PixelBox& part) {
  return {{}, {}, Surroundings{{width, height, {}, {}}, part}};
}

/** Of the second pass, where the first one draws a part of a picture. */
std::optional<Start> same_part(const Prepared& first) {
  if (!first.start || !first.start->around) return std::nullopt;
  const auto& [picture, part] = *first.start->around;
  return sized(picture.width, picture.height, part);
}

std::unique_ptr<Prepared> second_pass(const Prepared& first, const FunctionList& functions, bool elide,
                                      const OutlineOf& open) {
  const auto& outline = *first.outline;
  const auto& second = *first.resolved.recipe.second_pass;
  auto resolved = pipeline::resolve(second_run(first.resolved.recipe, outline.info.latent_downscale), outline.info,
                                    outline.parts.scheduler);
  resolved.encodings = starts_from_pictures(second) ? static_cast<int>(resolved.recipe.seeds.size()) : 0;
  std::vector<std::string> notes;
  std::vector<std::string> of_handover;
  auto taken = handover(resolved, outline, open, of_handover);
  const auto controls = second.controls ? *second.controls : of_second_pass(resolved.recipe.controls, resolved, notes);
  auto start = same_part(first);
  auto measured = start;
  if (const auto& own = first.resolved.recipe; !start && !second.controls && measures_in_pixels(controls))
    measured = sized(own.width, own.height, {0, 0, own.width, own.height});
  const auto pass = pass_of(resolved, measured, *first.masks, outline, first.words, functions, taken);
  auto made =
      resolve_controls(controls, pass, {{}, first.adapters, first.loras, {}, {}, first.pictures}, {{}, {}, first.loras},
                       {.elide = elide, .path = second.controls ? "second_pass.controls" : "controls"});
  resolved.recipe.controls = std::move(made.controls);
  if (second.controls) append(notes, neutral_notes(made.program, "second pass: "));
  append(of_handover, made.notes);
  append(notes, of_handover);
  append(notes, notes_of(made.adapters, first.adapters.size()));
  auto refined = std::move(made.refined);
  auto prepared =
      std::make_unique<Prepared>(part_of_run(resolved, std::move(made), pass.own, first.masks, std::move(notes)));
  add_refined(*prepared, std::move(refined), pass, std::move(taken));
  prepared->notes_of_handover = std::move(of_handover);
  prepared->start = std::move(start);
  return prepared;
}

void add_second_pass(Prepared& prepared, const FunctionList& functions, bool elide, const OutlineOf& open) {
  auto& pass = prepared.resolved.recipe.second_pass;
  if (!pass) return;
  try {
    prepared.second = second_pass(prepared, functions, elide, open);
  } catch (const Error& error) {
    fail_in_second_pass(error);
  }
  pass = resolved_pass(*pass, prepared.second->resolved.recipe);
  append(prepared.notes, prepared.second->notes);
}

/** The picture's way back is the model's own: with the weights that LoRAs change, and without all other controls. */
std::unique_ptr<Prepared> inversion_of(const Prepared& first) {
  const auto& outline = *first.outline;
  auto resolved = first.resolved;
  auto& recipe = resolved.recipe;
  if (const auto& prompt = recipe.init->invert->prompt) recipe.prompt = *prompt, recipe.prompt_2.clear();
  recipe.negative_prompt.clear(), recipe.negative_prompt_2.clear();
  recipe.guidance = 1, recipe.guidance_rescale = 0;
  for (auto& control : recipe.controls) {
    control.enabled &= adapter_of(control) && control.rows != Rows::uncond;  // there is no negative prompt
    if (control.enabled && first.handover) control.enabled = fits(outline, control, first.loras);
  }
  recipe.init.reset(), recipe.second_pass.reset(), recipe.edits.clear();
  resolved.encodings = 0;
  const auto pass = pass_of(resolved, first.start, *first.masks, outline, first.words, {}, std::nullopt);
  auto made = resolve_controls(recipe.controls, resolved, pass, pass.own, {{}, first.adapters, first.loras}, {});
  return std::make_unique<Prepared>(part_of_run(resolved, std::move(made), pass.own, first.masks));
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

/** What the first pass is made of, besides its recipe. */
struct Ingredients {
  const Outline& outline;
  const Words& words;
  const FunctionList& functions;
  const std::shared_ptr<MaskPictures>& masks;
  bool elide;
  const OutlineOf& open;
};

Prepared first_pass(const Recipe& recipe, Resolved resolved, std::optional<Start> start, const Ingredients& of,
                    std::vector<std::string> notes) {
  std::vector<std::string> of_handover;
  auto taken = recipe.second_pass ? std::nullopt : handover(resolved, of.outline, of.open, of_handover);
  const auto pass = pass_of(resolved, start, *of.masks, of.outline, of.words, of.functions, taken);
  const KnownFiles known{{}, {}, recipe.loras};
  auto first = resolve_controls(of_first_pass(recipe), pass, known, known, {.elide = of.elide});
  for (size_t i = 0; i < recipe.controls.size(); ++i) first.controls[i].enabled = recipe.controls[i].enabled;
  resolved.recipe.controls = std::move(first.controls);
  resolved.recipe.loras.clear();
  append(of_handover, first.notes);
  append(notes, of_handover);
  if (!of.functions.empty())
    notes.push_back("attention functions of the application acted; the recipe alone does not repeat this picture");
  append(notes, neutral_notes(first.program));
  auto refined = std::move(first.refined);
  auto prepared = part_of_run(resolved, std::move(first), pass.own, of.masks, std::move(notes));
  prepared.loras = recipe.loras;
  prepared.notes_of_handover = std::move(of_handover);
  add_refined(prepared, std::move(refined), pass, std::move(taken));
  prepared.start = std::move(start);
  return prepared;
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
                          static_cast<const Prepared*>(prepared.second.get())}) {
    if (run) runs.push_back(run);
    if (run && run->refined) runs.push_back(run->refined.get());
  }
  return runs;
}

const Prepared* refined_pass(const Prepared& prepared) {
  if (prepared.handover) return &prepared;
  return prepared.second && prepared.second->handover ? prepared.second.get() : nullptr;
}

void take(ResolvedControls edit, int step, Prepared& prepared) {
  prepared.control.edit(step, std::move(edit.program));
  prepared.recordings = std::move(edit.recordings), prepared.adapters = std::move(edit.adapters);
  prepared.guides = std::move(edit.guides), prepared.pictures = std::move(edit.pictures);
  if (prepared.refined) take(std::move(*edit.refined), step, *prepared.refined);
}

Prepared prepare(const Recipe& given, const Outline& outline, const FunctionList& functions, bool elide,
                 const OutlineOf& open) {
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
  auto prepared = first_pass(recipe, std::move(resolved), std::move(start),
                             {outline, words, functions, masks, elide, open}, std::move(notes));
  add_edits(prepared);
  if (recipe.init && recipe.init->invert) prepared.inversion = inversion_of(prepared);
  add_second_pass(prepared, functions, elide, open);
  name_words(prepared, prepared.resolved.recipe);
  append(prepared.notes, notes_of(prepared.adapters));
  append(prepared.notes, merge_notes(prepared.control));
  append(prepared.notes, hints(recipe, prepared.control.texts(), prepared.resolved.recipe.embeddings));
  note_unknown_words(written(prepared), outline, prepared.resolved.recipe.embeddings, prepared.notes);
  return prepared;
}

ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const std::string& path) {
  const auto known = [&](const Prepared& run) {
    return KnownFiles{run.recordings, run.adapters, prepared.loras, run.control.texts(), run.guides, run.pictures};
  };
  const auto model = [](const Prepared& run) {
    return PassControl::Model{*run.outline, run.words, run.calls, run.functions};
  };
  PassControl pass{prepared.resolved, prepared.start, *prepared.masks, model(prepared)};
  if (!prepared.refined) return resolve_controls(controls, pass, known(prepared), {}, {.path = path});
  pass.refiner.emplace(model(*prepared.refined)), pass.handover = &*prepared.handover;
  return resolve_controls(controls, pass, known(prepared), known(*prepared.refined), {.path = path});
}

}  // namespace corepulse::pipeline
