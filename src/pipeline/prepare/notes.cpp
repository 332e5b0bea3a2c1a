#include "pipeline/prepare/notes.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/ascii.h"
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
