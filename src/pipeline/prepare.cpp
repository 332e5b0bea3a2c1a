#include "pipeline/prepare.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tuple>

#include "base/ascii.h"
#include "base/fail.h"
#include "control/program/window.h"
#include "control/recipe/check.h"
#include "io/utf8.h"
#include "model/fingerprint.h"
#include "model/inspect.h"
#include "model/layers.h"
#include "pipeline/choices.h"
#include "pipeline/denoise.h"
#include "pipeline/forecast/hints.h"
#include "pipeline/forecast/unknown_words.h"
#include "pipeline/init/only_masked.h"
#include "pipeline/init/second_pass.h"
#include "pipeline/recipe_words.h"
#include "pipeline/weights/variants.h"
#include "text/prompt/chunks.h"
#include "text/prompt/lora_tags.h"
#include "text/prompt/read_prompt.h"
#include "text/prompt/schedule.h"
#include "unet/sites.h"

namespace corepulse::pipeline {
namespace {

control::TokenizedText tokenized(const text::ClipTokenizer& tokenizer, const PromptText& prompt, PromptSyntax syntax,
                                 const text::TokenChange& change) {
  const auto made = text::chunked(tokenizer, prompt, syntax, change);
  control::TokenizedText result{.positions = made.positions, .chunk = tokenizer.max_length()};
  for (const auto& token : made.tokens) result.tokens.push_back({token.id, token.begin, token.end});
  for (const auto& [ids, weights] : made.chunks) {
    result.ids.insert(result.ids.end(), ids.begin(), ids.end());
    result.weights.insert(result.weights.end(), weights.begin(), weights.end());
  }
  if (std::all_of(result.weights.begin(), result.weights.end(), [](double weight) { return weight == 1; }))
    result.weights.clear();
  return result;
}

std::vector<control::Step> calls(const Resolved& resolved) {
  std::vector<control::Step> steps;
  for (const auto& at : sampler::evaluations(resolved.schedule, resolved.sampling))
    steps.push_back(step_of(at, resolved.schedule.steps(), static_cast<int>(steps.size())));
  return steps;
}

/** A1111's prompts joined by AND, and the text of each that a step reads. */
void edit_prompts(const Recipe& recipe, int steps, control::ProgramInputs& in) {
  const auto by_step = [&](const std::string& prompt) {
    return text::texts_by_step(prompt, steps, recipe.compat == Compat::a1111);
  };
  const auto edit = [&](std::string& prompt, std::vector<std::string>& texts) {
    texts = by_step(prompt);
    prompt = texts[0];
    if (std::all_of(texts.begin(), texts.end(), [&](const auto& text) { return text == prompt; })) texts.clear();
  };
  const auto prompts = text::split_prompts(recipe.prompt);
  std::tie(in.prompt, in.prompt_weight) = prompts[0];
  for (size_t i = 1; i < prompts.size(); ++i) in.joined.push_back({prompts[i].second, by_step(prompts[i].first)});
  edit(in.prompt, in.prompts);
  edit(in.negative_prompt, in.negative_prompts);
}

/** A1111's <lora:name:0.8> in the prompt become controls behind the others. */
void take_lora_tags(Recipe& recipe, std::vector<std::string>& notes) {
  if (recipe.syntax != PromptSyntax::a1111) return;
  for (const auto& tag : text::take_lora_tags(recipe.prompt)) {
    if (recipe.loras.empty())
      fail(ErrorCode::invalid_request, "prompt",
           fmt::format("<lora:{}> names a file; expected the folder that holds it: --loras FOLDER (\"loras\")",
                       io::printable(tag.name, 80)));
    auto control = lora(tag.name, tag.strength);
    if (tag.text_strength != tag.strength) std::get<Lora>(control.effect).text_strength = tag.text_strength;
    notes.push_back(
        fmt::format("<lora:{}> in the prompt is control {}", io::printable(tag.name, 80), recipe.controls.size()));
    recipe.controls.push_back(std::move(control));
  }
}

/** What a run starts from, before and after its size is known. */
class Beginning {
 public:
  /** @param init then says which files were read. */
  Beginning(InitPicture& init, int multiple, MaskPictures& masks)
      : source_(read_start_picture(init)), margins_(margins_of(init, multiple)) {
    if (init.data.empty()) init.sha256 = source_.sha256;
    if (init.only_masked) part_ = masked_part(source_, margins_, init, masks);
  }

  StartSize size() const {
    if (part_) return {{part_->touched.width, part_->touched.height}, {}};
    return {{source_.image.width, source_.image.height}, margins_};
  }

  Start start(Recipe& recipe, MaskPictures& masks) const {
    return part_ ? start_from(*part_, recipe.width, recipe.height) : start_from(source_, margins_, recipe, masks);
  }

 private:
  StartPicture source_;
  Margins margins_;
  std::optional<MaskedPart> part_;
};

/** Of a control's prompt: its window says when it is read. */
void refuse_editing(const std::string& written, int steps) {
  const auto texts = text::texts_by_step(written, steps);
  if (std::any_of(texts.begin(), texts.end(), [&](const auto& text) { return text != texts[0]; }))
    fail(ErrorCode::invalid_request, "prompt",
         "[from:to:when] and [a|b] change with the steps; expected them in the prompt and the negative prompt, and two "
         "controls with \"when\" for a control's");
}

using Words = std::shared_ptr<const text::EmbeddedWords>;

control::ProgramInputs inputs(const Resolved& resolved, const Surroundings* around, const Outline& outline,
                              const Words& words, MaskPictures& masks) {
  const auto& recipe = resolved.recipe;
  control::ProgramInputs in;
  in.sites = unet::sites(outline.parts.unet);
  in.image_height = recipe.height, in.image_width = recipe.width;
  in.latent_height = resolved.latent_height, in.latent_width = resolved.latent_width;
  if (around) in.whole = {around->picture.height, around->picture.width, around->part};
  in.calls = calls(resolved);
  in.batch = static_cast<int>(recipe.seeds.size());
  in.prompt = recipe.prompt, in.negative_prompt = recipe.negative_prompt;
  in.prompt_2 = recipe.prompt_2, in.negative_prompt_2 = recipe.negative_prompt_2;
  if (recipe.syntax == PromptSyntax::a1111) edit_prompts(recipe, resolved.schedule.steps(), in);
  in.guidance = recipe.guidance;
  in.guided_below_one = recipe.compat != Compat::diffusers;
  in.pooled = outline.parts.unet.addition_input > 0;
  if (in.pooled) in.time_ids = own_size(recipe);
  const auto syntax = recipe.syntax;
  in.reader = [syntax, steps = resolved.schedule.steps()](const std::string& written) {
    if (syntax == PromptSyntax::a1111) refuse_editing(written, steps);
    return text::read_prompt(written, syntax);
  };
  in.tokenizer = [&outline, words, syntax](const PromptText& prompt) {
    std::vector<control::TokenizedText> texts;
    for (const auto& tokenizer : outline.tokenizers)
      texts.push_back(tokenized(tokenizer, prompt, syntax, text::change_of(words.get(), texts.size())));
    return texts;
  };
  in.picture = [&masks](const Region& region) { return masks.read(region); };
  return in;
}

/** The files that lists of controls have read so far. */
struct KnownFiles {
  RecordingList recordings;
  AdapterFiles adapters;
  std::string loras;  ///< See Recipe.
};

ResolvedControls resolve(std::vector<Control> controls, const Resolved& resolved, const std::optional<Start>& start,
                         MaskPictures& masks, const KnownFiles& known, const Outline& outline, const Words& words,
                         const FunctionList& functions, const control::ProgramOptions& options) {
  auto in = inputs(resolved, start && start->around ? &*start->around : nullptr, outline, words, masks);
  in.functions = function_uses(functions);
  auto files = with_recordings(known.recordings, controls, options.path, outline.parts.unet,
                               [&outline] { return outline.fingerprint(); });
  for (const auto& file : files) in.recordings.push_back(file->info());
  find_adapters(controls, known.loras, options.path);
  auto adapters = with_adapters(known.adapters, controls, options.path, outline.parts);
  for (const auto& file : adapters) in.adapters.push_back(file->info);
  if (!adapters.empty()) in.layers = model::weighted_layers(outline.parts);
  auto program = control::Program::resolve(controls, in, options);
  require_no_bias(program);
  masks.keep(controls);
  keep_digests(controls, files);
  keep_digests(controls, adapters);
  return {std::move(controls), std::move(program), std::move(files), std::move(adapters)};
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

void note_cut(const char* field, const std::string& prompt, const Outline& outline, const Words& words,
              std::vector<std::string>& notes) {
  const auto cut =
      text::chunked(outline.tokenizers.front(), prompt, PromptSyntax::plain, text::change_of(words.get(), 0)).cut;
  if (!cut.empty())
    notes.push_back(
        fmt::format("the {} is longer than {} tokens; not read: \"{}\" (syntax a1111, comfy or compel reads all of it)",
                    field, outline.tokenizers.front().max_length() - 2, cut));
}

void note_cuts(const Recipe& recipe, const Outline& outline, const Words& words, std::vector<std::string>& notes) {
  note_cut("prompt", recipe.prompt, outline, words, notes);
  note_cut("negative prompt", recipe.negative_prompt, outline, words, notes);
  note_cut("second prompt", recipe.prompt_2, outline, words, notes);
  note_cut("second negative prompt", recipe.negative_prompt_2, outline, words, notes);
}

/** Whether a word is part of the name, whatever their case is. */
bool names_alike(const std::string& name, const std::string& word) {
  return std::search(name.begin(), name.end(), word.begin(), word.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != name.end();
}

/** Of all texts that the run reads, in one note. */
void note_unknown_words(Prepared& prepared, const Outline& outline) {
  if (!outline.info.builtin) return;
  std::vector<std::string> texts;
  for (const auto* pass = &prepared; pass; pass = pass->second.get())
    for (const auto& text : pass->control.texts()) texts.push_back(text.prompt);
  auto unknown = unknown_words(texts, outline.tokenizers.front());
  if (const auto& embeddings = prepared.resolved.recipe.embeddings)
    std::erase_if(unknown, [&](const std::string& word) {
      return std::any_of(embeddings->files.begin(), embeddings->files.end(),
                         [&](const Embedding& file) { return names_alike(file.name, word); });
    });
  if (!unknown.empty())
    prepared.notes.push_back(fmt::format(
        "the built-in model does not know: {}; models/builtin/README.md lists its words", fmt::join(unknown, ", ")));
}

void add_edits(Prepared& prepared, const Outline& outline, const FunctionList& functions) {
  auto& edits = prepared.resolved.recipe.edits;
  for (size_t i = 0; i < edits.size(); ++i) {
    const auto list = fmt::format("edits[{}]", i);
    auto edit = resolve_edit(edits[i].controls, prepared, outline, functions, list + ".controls");
    append(prepared.notes, neutral_notes(edit.program, list + ": "));
    prepared.control.edit(edits[i].step, std::move(edit.program));
    prepared.recordings = std::move(edit.recordings), prepared.adapters = std::move(edit.adapters);
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
  return std::make_unique<Prepared>(Prepared{.resolved = std::move(resolved),
                                             .control = control::Timeline(std::move(made.program)),
                                             .recordings = std::move(made.recordings),
                                             .adapters = std::move(made.adapters),
                                             .masks = first.masks,
                                             .words = first.words,
                                             .start = {},
                                             .notes = std::move(notes)});
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

}  // namespace

control::TimeIds own_size(const Recipe& recipe) {
  const auto height = static_cast<float>(recipe.height), width = static_cast<float>(recipe.width);
  return {height, width, 0, 0, height, width};
}

Outline::Outline(const ModelSource& source)
    : parts(model::understand(source)), info(model::describe(parts)), tokenizers(model::load_tokenizers(parts)) {}

const std::string& Outline::fingerprint() const {
  const std::lock_guard lock(digesting_);
  if (!fingerprint_) fingerprint_ = model::fingerprint(parts);
  return *fingerprint_;
}

const std::string& Outline::file_sha256() const {
  const std::lock_guard lock(digesting_);
  if (!file_sha256_) file_sha256_ = model::file_sha256(parts);
  return *file_sha256_;
}

Prepared prepare(const Recipe& given, const Outline& outline, const FunctionList& functions, bool elide) {
  std::vector<std::string> notes = outline.info.notes;
  auto recipe = with_choices(given, notes);
  take_lora_tags(recipe, notes);
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
  add_second_pass(prepared, outline, functions, elide);
  name_words(prepared, outline, prepared.resolved.recipe);
  append(prepared.notes, notes_of(prepared.adapters));
  append(prepared.notes, merge_notes(prepared.control));
  append(prepared.notes, hints(recipe, prepared.control.texts(), prepared.resolved.recipe.embeddings));
  note_unknown_words(prepared, outline);
  return prepared;
}

ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const Outline& outline,
                              const FunctionList& functions, const std::string& path) {
  const KnownFiles known{prepared.recordings, prepared.adapters, prepared.loras};
  return resolve(controls, prepared.resolved, prepared.start, *prepared.masks, known, outline, prepared.words,
                 functions, {.texts = prepared.control.texts(), .path = path});
}

std::vector<std::string> neutral_notes(const control::Program& program, const std::string& list) {
  std::vector<std::string> notes;
  for (const auto& report : program.reports())
    if (report.state == control::ControlReport::State::neutral)
      notes.push_back(fmt::format("{}control {} changes nothing: {}", list, report.title, report.reason));
  return notes;
}

}  // namespace corepulse::pipeline
