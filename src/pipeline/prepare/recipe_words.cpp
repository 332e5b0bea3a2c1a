#include "pipeline/prepare/recipe_words.h"

#include <map>

namespace corepulse::pipeline {

std::shared_ptr<const text::EmbeddedWords> words_of(const Recipe& recipe, const Outline& outline) {
  if (!recipe.embeddings) return nullptr;
  std::vector<int> widths;
  for (const auto& part : outline.parts.texts) widths.push_back(part.config.width);
  return std::make_shared<const text::EmbeddedWords>(*recipe.embeddings, outline.tokenizers, widths, recipe.syntax);
}

void name_words(const Prepared& prepared, Recipe& recipe) {
  if (!prepared.words) return;
  std::map<std::string, std::string> digests;  // by name: in one order, however the texts stand
  for (const auto* run : all_runs(prepared)) {
    const auto& words = *run->words;
    const auto look = [&](const PromptText& text, size_t encoder) {
      const auto made =
          text::chunked(run->outline->tokenizers[encoder], text, recipe.syntax, text::change_of(&words, encoder));
      for (const auto* word : words.words_in(made.tokens)) digests[word->name] = words.sha256(*word);
    };
    for (const auto& text : run->control.texts()) {
      look(text.text(), 0);
      if (text.second) look(*text.second, 1);
    }
  }
  if (digests.empty()) return recipe.embeddings.reset();
  recipe.embeddings = Embeddings{prepared.words->folder(), {}};
  for (const auto& [name, digest] : digests) recipe.embeddings->files.push_back({name, digest});
}

}  // namespace corepulse::pipeline
