#pragma once
// The words that a recipe's files define (textual inversion), and those of them that its texts hold.

#include <memory>

#include "pipeline/prepare/prepare.h"
#include "text/embeddings/embedded_words.h"

namespace corepulse::pipeline {

/** Those of `embeddings`, null without. @throws Error not_found, io, bad_file. */
std::shared_ptr<const text::EmbeddedWords> words_of(const Recipe& recipe, const Outline& outline);

/** Gives the recipe's `embeddings` the words that the run's texts hold, with the digests of their files; none hold any:
 * the recipe has no `embeddings`. */
void name_words(const Prepared& prepared, Recipe& recipe);

}  // namespace corepulse::pipeline
