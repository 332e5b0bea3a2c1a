#include "io/utf8.h"

#include <fmt/format.h>

namespace corepulse::io {

std::optional<char32_t> next_code_point(std::string_view text, size_t& i) {
  const auto byte = [&](size_t k) { return static_cast<unsigned char>(text[k]); };
  const size_t start = i++;
  const unsigned char lead = byte(start);
  if (lead < 0x80) return lead;
  const int more = lead >= 0xF0 && lead <= 0xF4  ? 3
                   : lead >= 0xE0 && lead < 0xF0 ? 2
                   : lead >= 0xC2 && lead < 0xE0 ? 1
                                                 : 0;
  if (more == 0 || text.size() - start <= static_cast<size_t>(more)) return std::nullopt;
  char32_t c = lead & (0x3F >> more);
  for (int k = 1; k <= more; ++k) {
    if ((byte(start + k) & 0xC0) != 0x80) return std::nullopt;
    c = c << 6 | (byte(start + k) & 0x3F);
  }
  const char32_t least = more == 3 ? 0x10000 : more == 2 ? 0x800 : 0x80;
  if (c < least || c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) return std::nullopt;
  i = start + more + 1;
  return c;
}

bool is_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();)
    if (!next_code_point(text, i)) return false;
  return true;
}

void append_utf8(std::string& text, char32_t c) {
  if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000)) c = 0xFFFD;
  const auto tail = [&](int shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6), tail(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12), tail(6), tail(0);
  } else {
    text += static_cast<char>(0xF0 | c >> 18), tail(12), tail(6), tail(0);
  }
}

std::string printable(std::string_view text, size_t most) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    if (out.size() >= most) return out + "...";
    const size_t start = i;
    const auto c = next_code_point(text, i);
    if (c && *c >= 0x20 && *c != 0x7F && !(*c >= 0x80 && *c < 0xA0))
      out.append(text.substr(start, i - start));
    else
      for (size_t k = start; k < i; ++k) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(text[k]));
  }
  return out;
}

}  // namespace corepulse::io
