#pragma once
// Words that a model never met.

#include <string>
#include <vector>

#include "text/clip_tokenizer.h"

namespace corepulse::pipeline {

/**
 * The words of the texts that the tokenizer has no token for, each once, as first written. They are foreign to the
 * built-in model, whose vocabulary has a token for every word it was trained with; other models know words in pieces.
 */
std::vector<std::string> unknown_words(const std::vector<std::string>& texts, const text::ClipTokenizer& tokenizer);

}  // namespace corepulse::pipeline
