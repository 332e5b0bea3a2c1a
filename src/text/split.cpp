#include "text/split.h"

#include <algorithm>
#include <string_view>

#include "text/vocabulary.h"

namespace corepulse::text {
namespace {

constexpr std::string_view kContractions[] = {"'s", "'t", "'re", "'ve", "'m", "'ll", "'d"};

bool starts_with(std::span<const Char> text, std::string_view ascii) {
  return text.size() >= ascii.size() && std::ranges::equal(text.first(ascii.size()), ascii, {}, &Char::code,
                                                           [](char c) { return static_cast<char32_t>(c); });
}

/** Length of the run of `wanted` at the start. */
size_t run_length(std::span<const Char> text, CharClass wanted) {
  const auto end = std::ranges::find_if(text, [&](const Char& c) { return char_class(c.code) != wanted; });
  return static_cast<size_t>(end - text.begin());
}

/** Lengths of the pieces that the start of `text`, which is no space, makes. */
std::vector<size_t> pieces_at(std::span<const Char> text) {
  for (const auto special : {kStartOfText, kEndOfText})
    if (starts_with(text, special)) return {2, special.size() - 4, 2};
  for (const auto contraction : kContractions)
    if (starts_with(text, contraction)) return {contraction.size()};
  const auto kind = char_class(text[0].code);
  return {kind == CharClass::number ? 1 : run_length(text, kind)};
}

}  // namespace

std::vector<std::span<const Char>> split(std::span<const Char> text) {
  std::vector<std::span<const Char>> pieces;
  while (!text.empty()) {
    if (char_class(text[0].code) == CharClass::space) {
      text = text.subspan(1);
      continue;
    }
    for (const size_t length : pieces_at(text)) {
      pieces.push_back(text.first(length));
      text = text.subspan(length);
    }
  }
  return pieces;
}

}  // namespace corepulse::text
