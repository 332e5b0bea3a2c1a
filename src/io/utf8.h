#pragma once
// UTF-8 in text that nobody has checked yet, and a safe way to show such text in a message.

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace corepulse::io {

/** The code point that starts at text[i], moving i behind it; nullopt (i moves by one) if these
 * bytes are not UTF-8. */
std::optional<char32_t> next_code_point(std::string_view text, size_t& i);

bool is_utf8(std::string_view text);

/** Appends a code point; surrogates and values above U+10FFFF become U+FFFD. */
void append_utf8(std::string& text, char32_t code_point);

/** `text` for a message: control characters and bytes that are not UTF-8 as \xNN, at most about
 * `most` bytes. */
std::string printable(std::string_view text, size_t most = 80);

}  // namespace corepulse::io
