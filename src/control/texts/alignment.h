#pragma once
// Which words of one prompt are which of another: prompt-to-prompt's maps between their tokens.

#include <string>
#include <vector>

#include "control/inputs.h"

namespace corepulse::control {

/** How attention to the tokens of one text becomes attention to those of another. */
struct TokenMap {
  std::vector<double> weights;  ///< [positions, positions of the other]
  std::vector<double> known;    ///< By position of the other: 1, or 0 for new words, which have no partner.
};

/**
 * Equal tokens in order are partners, as many as there can be (Needleman and Wunsch, a match 1, a mismatch -1, a gap
 * 0); what follows the texts' ends is its own. As Hertz et al.'s attention refinement.
 */
TokenMap aligned(const TokenizedText& from, const TokenizedText& to);

/**
 * Word i is word i, whatever it is now: a word's attention goes to the tokens of its partner, one by one where they are
 * as many, else in equal parts. As Hertz et al.'s word swap, but for what follows a word that now has more or fewer
 * tokens: it keeps its partners here. Words stand between spaces; both prompts have equally many.
 */
TokenMap word_by_word(const std::string& from_prompt, const TokenizedText& from, const std::string& to_prompt,
                      const TokenizedText& to);

/** How many words stand between a prompt's spaces. */
int count_words(const std::string& prompt);

}  // namespace corepulse::control
