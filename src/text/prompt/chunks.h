#pragma once
// A prompt of any length as the ids that a text encoder is given: chunks of as many positions as it has.

#include <functional>
#include <string>
#include <vector>

#include "corepulse/recipe.h"

#include "base/prompt_text.h"
#include "text/clip_tokenizer.h"

namespace corepulse::text {

/** Ids and their weights, exactly ClipTokenizer::max_length() of each: beginning, tokens, end, padding. */
struct Chunk {
  std::vector<int> ids;
  std::vector<double> weights;
};

struct ChunkedPrompt {
  std::vector<Chunk> chunks;   ///< At least one.
  std::vector<Token> tokens;   ///< All of the prompt, by bytes of its text, in order.
  std::vector<int> positions;  ///< Of those that are read: chunk * max_length + place in it.
  std::string cut;             ///< The part of the text that is not read, "" if all is.
};

/** The tokens of a text as they are to be read: EmbeddedWords::replaced. */
using TokenChange = std::function<std::vector<Token>(std::vector<Token>)>;

/**
 * Where a chunk ends is each tool's own rule; each is padded as the first.
 *   plain: there is one chunk, what does not fit is cut (Diffusers).
 *   a1111: after 75 tokens, or behind a comma among the last 20 of them; at BREAK; before an added word that does not
 * fit.
 *   comfy: between words, as long as they have fewer than 8 tokens.
 *   compel: behind the last full stop, else behind a comma, semicolon or colon, else behind a word.
 * @throws Error{invalid_request} as ClipTokenizer::encode, and for more than kMostChunks.
 */
ChunkedPrompt chunked(const ClipTokenizer& tokenizer, const PromptText& prompt, PromptSyntax syntax,
                      const TokenChange& change = {});

/** As many chunks at least: those that are added are an empty prompt's. */
void extend(ChunkedPrompt& prompt, const ClipTokenizer& tokenizer, size_t chunks);

inline constexpr size_t kMostChunks = 100;

}  // namespace corepulse::text
