#pragma once
// A prompt as the tokens that a model's text encoder reads.
//
//   const auto read = corepulse::prompt_tokens({.model = "builtin"}, "a cat in a park");
//   for (const auto& token : read.tokens) std::cout << token.text << "|";  // a|cat|in|a|park|

#include <string>
#include <vector>

#include "corepulse/model.h"
#include "corepulse/recipe.h"

namespace corepulse {

struct PromptToken {
  std::string text;  ///< Bytes [begin, end) of PromptTokens::text.
  int id = 0;        ///< In the first text encoder's vocabulary.
  int begin = 0, end = 0;
  double weight = 1;
  int chunk = 0;     ///< Of the text encoder's calls, the one that reads it.
  bool read = true;  ///< False: it is cut off.
};

struct PromptTokens {
  std::string text;                 ///< The prompt without its syntax.
  std::vector<PromptToken> tokens;  ///< All of it, in order.
  std::string cut;                  ///< The part of the text that is not read; "": all is.
  int limit = 75;                   ///< Tokens that one call reads.
  int chunks = 1;
  /** For each byte of `text`, where it stands in the prompt as written; -1: that cannot be told. */
  std::vector<int> written;
};

/**
 * Of the model's first text encoder; reads no weights. What changes with the steps ("[a:b:0.5]" in syntax a1111) is as
 * at the first one of 20; of prompts joined by AND the first is read.
 * @throws Error as inspect_model; invalid_request for a prompt that its syntax does not take.
 */
PromptTokens prompt_tokens(const ModelSource& model, const std::string& prompt,
                           PromptSyntax syntax = PromptSyntax::plain);

}  // namespace corepulse
