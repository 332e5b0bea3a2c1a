#include "text/unicode.h"

#include <fmt/format.h>
#include <utf8proc.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "text/unicode_tables.h"

namespace corepulse::text {
namespace {

bool is_any_space(char32_t c) {
  return (c >= 0x9 && c <= 0xD) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200A) ||
         c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F || c == 0x3000;
}

char32_t lowercase(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 32 : c;
  const auto newer = newer_lowercase(c);
  return newer != c ? newer : static_cast<char32_t>(utf8proc_tolower(static_cast<int32_t>(c)));
}

}  // namespace

CharClass char_class(char32_t c) {
  if (is_any_space(c)) return CharClass::space;
  const auto category = utf8proc_category(static_cast<int32_t>(c));
  if (category >= UTF8PROC_CATEGORY_LU && category <= UTF8PROC_CATEGORY_LO) return CharClass::letter;
  if (category >= UTF8PROC_CATEGORY_ND && category <= UTF8PROC_CATEGORY_NO) return CharClass::number;
  if (c >= 0x1C89 && is_newer_letter(c)) return CharClass::letter;
  if (c >= 0x10D40 && is_newer_number(c)) return CharClass::number;
  return CharClass::other;
}

Chars decode(std::string_view utf8, std::string_view what) {
  Chars chars;
  chars.reserve(utf8.size());
  for (size_t at = 0; at < utf8.size();) {
    const size_t begin = at;
    const auto code = io::next_code_point(utf8, at);
    if (!code)
      fail(ErrorCode::invalid_request, what, fmt::format("byte {} is not valid UTF-8; expected UTF-8 text", begin));
    chars.push_back({*code, static_cast<int>(begin), static_cast<int>(at)});
  }
  return chars;
}

Chars normalize(const Chars& text) {
  Chars out;
  out.reserve(text.size());
  for (auto c : nfc(text)) {
    const bool space = is_any_space(c.code);
    if (space && !out.empty() && out.back().code == ' ') {
      out.back().end = c.end;
    } else if (space) {
      out.push_back({' ', c.begin, c.end});
    } else if (c.code == 0x130) {  // The only capital whose lowercase is two code points.
      out.push_back({'i', c.begin, c.end});
      out.push_back({0x307, c.begin, c.end});
    } else {
      out.push_back({lowercase(c.code), c.begin, c.end});
    }
  }
  return out;
}

}  // namespace corepulse::text
