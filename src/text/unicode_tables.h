#pragma once
// Where Hugging Face's tokenizers 0.23.3 and utf8proc 2.8 (Unicode 15) disagree on a code point.
// Found by comparing all code points; a test repeats the comparison against a golden.

namespace corepulse::text {

/** Letters and numbers of Unicode 15.1 and 16. */
bool is_newer_letter(char32_t c);
bool is_newer_number(char32_t c);

/** The lowercase of capitals that came with Unicode 16 and 17; `c` itself for all others. */
char32_t newer_lowercase(char32_t c);

/** Normalised since Unicode 10 or later: the reference's NFC is of Unicode 9 and leaves it alone.
 */
bool is_inert_in_nfc(char32_t c);

}  // namespace corepulse::text
