#pragma once
// Where a phrase stands among a prompt's tokens.

#include <string_view>
#include <vector>

#include "text/clip_tokenizer.h"

namespace corepulse::text {

/** Encoded::tokens[begin..end); the same tokens stand at Encoded::ids[begin + 1 .. end + 1). */
struct TokenRange {
  int begin = 0, end = 0;
  bool operator==(const TokenRange&) const = default;
};

/**
 * Finds `phrase` in `prompt` by whole words, whatever the case and the spaces between: "cat" is in
 * "A Cat, sleeping" but not in "category". Scripts written without spaces are matched by character;
 * a token there may reach beyond the phrase.
 * @param encoded what a tokenizer made of `prompt`.
 * @param occurrence 0 = all of them, in order and without overlap; n = only the n-th.
 * @throws Error{invalid_request} if the phrase is blank, longer than 1 KiB or not UTF-8, if the
 *   prompt lacks it or has it less than n times (the message lists the words), or if what was asked
 *   for does not fit among the encoder's tokens.
 */
std::vector<TokenRange> find_phrase(const Encoded& encoded, std::string_view prompt, std::string_view phrase,
                                    int occurrence = 0);

}  // namespace corepulse::text
