// Canonical composition (Unicode Standard Annex 15) that keeps track of where each character came
// from, which utf8proc's own normalisation does not, and that sorts marks in n log n.

#include <algorithm>
#include <span>
#include <utf8proc.h>

#include "text/unicode.h"
#include "text/unicode_tables.h"

namespace corepulse::text {
namespace {

constexpr char32_t kFirstMark = 0x300;     // Nothing below combines with what stands before it.
constexpr char32_t kNoFinalJamo = 0x11A7;  // utf8proc 2.8 drops it after a Hangul syllable.

struct Mark {
  Char c;
  int order = 0;  // Canonical combining class; 0 is a starter.
};

int combining_class(char32_t c) {
  if (c < kFirstMark || is_inert_in_nfc(c)) return 0;
  return utf8proc_get_property(static_cast<int32_t>(c))->combining_class;
}

void append_decomposed(const Char& c, std::vector<Mark>& out) {
  utf8proc_int32_t parts[8] = {static_cast<int32_t>(c.code)};
  utf8proc_ssize_t n = 1;
  if (c.code >= 0xC0 && !is_inert_in_nfc(c.code)) {
    int boundary = 0;
    n = utf8proc_decompose_char(parts[0], parts, 8, UTF8PROC_DECOMPOSE, &boundary);
  }
  for (utf8proc_ssize_t i = 0; i < n; ++i) {
    const auto code = static_cast<char32_t>(parts[i]);
    out.push_back({{code, c.begin, c.end}, combining_class(code)});
  }
}

void sort_marks(std::vector<Mark>& text) {
  const auto is_starter = [](const Mark& m) { return m.order == 0; };
  for (auto run = text.begin(); run != text.end();) {
    run = std::find_if_not(run, text.end(), is_starter);
    const auto end = std::find_if(run, text.end(), is_starter);
    std::ranges::stable_sort(run, end, {}, &Mark::order);
    run = end;
  }
}

/** The primary composite of two code points, or 0. */
char32_t composed(char32_t first, char32_t second) {
  if (second < kFirstMark || second == kNoFinalJamo) return 0;
  if (is_inert_in_nfc(first) || is_inert_in_nfc(second)) return 0;
  utf8proc_int32_t pair[2] = {static_cast<int32_t>(first), static_cast<int32_t>(second)};
  constexpr auto options = static_cast<utf8proc_option_t>(UTF8PROC_COMPOSE | UTF8PROC_STABLE);
  return utf8proc_normalize_utf32(pair, 2, options) == 1 ? static_cast<char32_t>(pair[0]) : 0;
}

}  // namespace

Chars nfc(const Chars& text) {
  std::vector<Mark> parts;
  parts.reserve(text.size());
  for (const auto& c : text) append_decomposed(c, parts);
  sort_marks(parts);

  Chars out;
  out.reserve(parts.size());
  size_t starter = SIZE_MAX;  // Index in `out` of the last starter.
  int between = -1;           // Class of the last mark left after it; -1 if there is none.
  for (const auto& [c, order] : parts) {
    const bool reaches = starter != SIZE_MAX && between < order;
    const char32_t both = reaches ? composed(out[starter].code, c.code) : 0;
    if (both) {
      auto& s = out[starter];
      s = {both, std::min(s.begin, c.begin), std::max(s.end, c.end)};
      continue;
    }
    between = order == 0 ? -1 : order;
    if (order == 0) starter = out.size();
    out.push_back(c);
  }
  return out;
}

}  // namespace corepulse::text
