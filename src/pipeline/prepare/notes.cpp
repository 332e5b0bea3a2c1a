#include "pipeline/prepare/notes.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
#include "io/utf8.h"
#include "pipeline/forecast/unknown_words.h"
#include "text/prompt/chunks.h"

namespace corepulse::pipeline {
namespace {

void note_cut(const char* field, const std::string& prompt, const Outline& outline, const Words& words,
              std::vector<std::string>& notes) {
  const auto cut =
      text::chunked(outline.tokenizers.front(), prompt, PromptSyntax::plain, text::change_of(words.get(), 0)).cut;
  if (!cut.empty())
    notes.push_back(
        fmt::format("the {} is longer than {} tokens; not read: \"{}\" (syntax a1111, comfy or compel reads all of it)",
                    field, outline.tokenizers.front().max_length() - 2, cut));
}

/** Whether a word is part of the name, whatever their case is. */
bool names_alike(const std::string& name, const std::string& word) {
  return std::search(name.begin(), name.end(), word.begin(), word.end(),
                     [](char a, char b) { return lower(a) == lower(b); }) != name.end();
}

/** What people call a model, its UNet and its LoRAs by: the files' names, without their folders. */
std::vector<std::string> names_of_files(const std::string& model, const Recipe& recipe) {
  std::vector<std::string> names;
  const auto add = [&](std::string file) {
    while (file.ends_with('/')) file.pop_back();
    if (!file.empty()) names.push_back(std::filesystem::path(file).filename().string());
  };
  add(model), add(recipe.unet);
  for (const auto& control : recipe.controls)
    if (const auto* lora = std::get_if<Lora>(&control.effect); lora && control.enabled) add(lora->file);
  return names;
}

/** "sdxl_lightning_8step" says 8; nothing where a name says none. */
std::optional<int> steps_in(const std::string& name) {
  std::string word = name;
  std::transform(word.begin(), word.end(), word.begin(), [](char c) { return lower(c); });
  auto end = word.find("step");
  if (end == word.npos) return std::nullopt;
  while (end > 0 && (word[end - 1] == '-' || word[end - 1] == '_' || word[end - 1] == ' ')) --end;
  auto begin = end;
  while (begin > 0 && word[begin - 1] >= '0' && word[begin - 1] <= '9') --begin;
  if (begin == end || end - begin > 3) return std::nullopt;
  int steps = 0;
  for (auto i = begin; i < end; ++i) steps = 10 * steps + (word[i] - '0');
  return steps;
}

/** Of what the recipe says the model was distilled to: no name of its files says so, or one says other steps. */
void note_few_steps(const Recipe& recipe, const Outline& outline, std::vector<std::string>& notes) {
  if (!recipe.few_steps) return;
  const std::string kind = name(*recipe.few_steps), word = kind == "dmd2" ? "dmd" : kind;
  const auto sampler = outline.parts.scheduler.sampler;
  bool known = kind == "lcm" && sampler == SamplerKind::lcm;
  for (const auto& file : names_of_files(outline.info.name, recipe)) {
    if (!names_alike(file, word)) continue;
    known = true;
    if (const auto steps = steps_in(file); steps && *steps != recipe.steps)
      notes.push_back(fmt::format("few_steps {}: \"{}\" says {} steps, and the run has {}", kind,
                                  io::printable(file, 80), *steps, recipe.steps));
  }
  if (!known)
    notes.push_back(
        fmt::format("few_steps {}: no name of the model or of a LoRA says {}; another model draws a blurred "
                    "picture in {} steps",
                    kind, word, recipe.steps));
}

}  // namespace

std::vector<std::string> notes_of_model(const Recipe& recipe, const Outline& outline) {
  auto notes = outline.info.notes;
  if (recipe.zero_snr && outline.info.zero_snr)
    notes.push_back("zero_snr changes nothing: this model starts from pure noise by itself");
  else if (recipe.zero_snr && outline.info.prediction == Prediction::epsilon)
    notes.push_back(
        "zero_snr: this model predicts noise, which in pure noise says nothing of the picture: its first step is a "
        "guess "
        "unless it was trained for that; models that start from pure noise predict v");
  note_few_steps(recipe, outline, notes);
  return notes;
}

void note_cuts(const Recipe& recipe, const Outline& outline, const Words& words, std::vector<std::string>& notes) {
  note_cut("prompt", recipe.prompt, outline, words, notes);
  note_cut("negative prompt", recipe.negative_prompt, outline, words, notes);
  note_cut("second prompt", recipe.prompt_2, outline, words, notes);
  note_cut("second negative prompt", recipe.negative_prompt_2, outline, words, notes);
  if (recipe.init && recipe.init->invert && recipe.init->invert->prompt)
    note_cut("inversion's prompt", *recipe.init->invert->prompt, outline, words, notes);
}

void note_unknown_words(const std::vector<std::string>& texts, const Outline& outline,
                        const std::optional<Embeddings>& embeddings, std::vector<std::string>& notes) {
  if (!outline.info.builtin) return;
  auto unknown = unknown_words(texts, outline.tokenizers.front());
  if (embeddings)
    std::erase_if(unknown, [&](const std::string& word) {
      return std::any_of(embeddings->files.begin(), embeddings->files.end(),
                         [&](const Embedding& file) { return names_alike(file.name, word); });
    });
  if (!unknown.empty())
    notes.push_back(fmt::format("the built-in model does not know: {}; models/builtin/README.md lists its words",
                                fmt::join(unknown, ", ")));
}

std::vector<std::string> neutral_notes(const control::Program& program, const std::string& list) {
  std::vector<std::string> notes;
  for (const auto& report : program.reports())
    if (report.state == control::ControlReport::State::neutral)
      notes.push_back(fmt::format("{}control {} changes nothing: {}", list, report.title, report.reason));
  return notes;
}

}  // namespace corepulse::pipeline
