#pragma once
// Text as CLIP's tokenizer sees it: code points after NFC and lowercasing that remember their
// bytes.
//
// Unicode data is utf8proc's, corrected (unicode_tables.h) to what Hugging Face's tokenizers 0.23
// knows: NFC of Unicode 9, character classes of Unicode 16, lowercase of Unicode 17.

#include <string_view>
#include <vector>

namespace corepulse::text {

/** A code point and the bytes [begin, end) of the text that it came from. */
struct Char {
  char32_t code = 0;
  int begin = 0, end = 0;
};
using Chars = std::vector<Char>;

enum class CharClass { space, letter, number, other };

/** The regex classes \s, \p{L}, \p{N}, and the rest. */
CharClass char_class(char32_t c);

/**
 * Code points of `utf8`. @throws Error{invalid_request} naming `what` ("prompt", "phrase") and the
 * byte where it stops being UTF-8 (surrogates and overlong forms are not UTF-8).
 */
Chars decode(std::string_view utf8, std::string_view what);

/** Canonical composition. Linear but for sorting runs of combining marks. */
Chars nfc(const Chars& text);

/** What the tokenizer reads: NFC, each run of spaces as one ' ', lowercase code point by code
 * point. */
Chars normalize(const Chars& text);

}  // namespace corepulse::text
