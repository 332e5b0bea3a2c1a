#include "control/texts/word_chars.h"

#include <algorithm>
#include <cctype>
#include <iterator>

#include "base/ascii.h"

namespace corepulse::control {
namespace {

// Blocks of Unicode outside of ASCII that hold punctuation and symbols; all else there are letters, digits and marks.
constexpr struct {
  char32_t first, last;
} kNoWords[] = {{0x80, 0xA9},     {0xAB, 0xB1},     {0xB4, 0xB4},     {0xB6, 0xB8},      {0xBB, 0xBB},
                {0xBF, 0xBF},     {0xD7, 0xD7},     {0xF7, 0xF7},     {0x2000, 0x206F},  {0x20A0, 0x20CF},
                {0x2190, 0x245F}, {0x2500, 0x2BFF}, {0x2E00, 0x2E7F}, {0x3000, 0x3004},  {0x3008, 0x3020},
                {0x3030, 0x3030}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F}, {0xFF00, 0xFF0F},  {0xFF1A, 0xFF20},
                {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65}, {0xFFE0, 0xFFFD}, {0x1F000, 0x1FAFF}};

bool is_continuation(char c) {
  return (static_cast<unsigned char>(c) & 0xc0) == 0x80;
}

char32_t character(std::string_view text, size_t byte) {
  while (byte > 0 && is_continuation(text[byte])) --byte;
  const auto lead = static_cast<unsigned char>(text[byte]);
  char32_t code = lead < 0x80 ? lead : lead < 0xe0 ? lead & 0x1f : lead < 0xf0 ? lead & 0x0f : lead & 0x07;
  for (++byte; byte < text.size() && is_continuation(text[byte]); ++byte)
    code = code << 6 | (static_cast<unsigned char>(text[byte]) & 0x3f);
  return code;
}

}  // namespace

bool in_word(std::string_view text, size_t byte) {
  const auto code = character(text, byte);
  if (code < 0x80) return std::isalnum(static_cast<int>(code));
  return std::none_of(std::begin(kNoWords), std::end(kNoWords),
                      [=](const auto& range) { return code >= range.first && code <= range.last; });
}

bool whole_words(std::string_view text, size_t begin, size_t end) {
  if (begin > 0 && in_word(text, begin) && in_word(text, begin - 1)) return false;
  return end == text.size() || !in_word(text, end) || !in_word(text, end - 1);
}

size_t end_of_phrase(std::string_view text, size_t begin, std::string_view phrase) {
  size_t at = begin;
  for (size_t p = 0; p < phrase.size();) {
    if (at == text.size()) return text.npos;
    if (is_space(phrase[p])) {
      if (!is_space(text[at])) return text.npos;
      while (p < phrase.size() && is_space(phrase[p])) ++p;
      while (at < text.size() && is_space(text[at])) ++at;
    } else if (lower(text[at++]) != lower(phrase[p++])) {
      return text.npos;
    }
  }
  return at;
}

}  // namespace corepulse::control
