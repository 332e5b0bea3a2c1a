#pragma once
// Characters of texts that people write, whatever the locale is.

#include <string_view>

namespace corepulse {

inline bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
/** Bytes of other scripts' letters are letters, too. */
inline bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || static_cast<unsigned char>(c) >= 0x80;
}
/** What words are made of in the syntax of other tools. */
inline bool is_word_char(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
inline bool is_space(char c) {
  return c == ' ' || (c >= '\t' && c <= '\r');
}
inline char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

/** Without space at its ends. */
inline std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

}  // namespace corepulse
