#pragma once
// Which characters make words, and where a phrase stands in a text as it is written.

#include <string_view>

#include "base/ascii.h"

namespace corepulse::control {

/** Whether the character that holds this byte of the UTF-8 text is a letter or a digit, and no punctuation, symbol or
 * space. */
bool in_word(std::string_view text, size_t byte);

/** Whether no word goes on over either end of the bytes [begin, end). */
bool whole_words(std::string_view text, size_t begin, size_t end);

/** The end of the phrase if it stands at `begin` letter by letter, or npos. Case of ASCII and lengths of spaces may
 * differ. */
size_t end_of_phrase(std::string_view text, size_t begin, std::string_view phrase);

}  // namespace corepulse::control
