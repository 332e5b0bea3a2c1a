#include "text/prompt.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "base/names.h"
#include "io/utf8.h"
#include "text/unicode.h"

namespace corepulse::text {
namespace {

constexpr size_t kMaxPhraseBytes = 1024;
constexpr size_t kMostWordsShown = 40;

/** Scripts that put no spaces between words: Thai, Lao, Myanmar, Khmer, kana, Han. */
bool is_spaceless(char32_t c) {
  return (c >= 0x0E00 && c < 0x0F00) || (c >= 0x1000 && c < 0x10A0) || (c >= 0x1780 && c < 0x1800) ||
         (c >= 0x3040 && c < 0x3100) || (c >= 0x3400 && c < 0xA000) || (c >= 0xF900 && c < 0xFB00) ||
         (c >= 0x20000 && c < 0x40000);
}

/** Folded text, cut into words: runs of letters and digits, and runs of punctuation. */
struct Words {
  Chars text;
  std::vector<bool> starts;  // starts[i]: a word or a space may begin at text[i]; one more at the end.

  Words(std::string_view utf8, std::string_view what) : text(fold(decode(utf8, what))) {
    enum class Kind { space, word, spaceless, punctuation };
    auto last = Kind::space;
    for (const auto& [c, begin, end] : text) {
      const auto of = char_class(c);
      const auto kind = of == CharClass::space   ? Kind::space
                        : of == CharClass::other ? Kind::punctuation
                        : is_spaceless(c)        ? Kind::spaceless
                                                 : Kind::word;
      const bool continues = is_mark(c) && last != Kind::space;  // A mark stays with its letter.
      starts.push_back(!continues && (kind != last || kind == Kind::spaceless));
      if (!continues) last = kind;
    }
    starts.push_back(true);
  }

  void trim() {
    if (!text.empty() && text.back().code == ' ') text.pop_back();
    if (!text.empty() && text.front().code == ' ') text.erase(text.begin());
  }

  /** The different words as they were written, for a message. */
  std::vector<std::string> list(std::string_view utf8) const {
    std::vector<std::string> words;
    for (size_t i = 0; i < text.size() && words.size() < kMostWordsShown;) {
      size_t end = i + 1;
      while (!starts[end]) ++end;
      const auto begin = static_cast<size_t>(text[i].begin);
      auto word = io::printable(utf8.substr(begin, static_cast<size_t>(text[end - 1].end) - begin));
      if (text[i].code != ' ' && std::ranges::find(words, word) == words.end()) words.push_back(std::move(word));
      i = end;
    }
    return words;
  }
};

/** Bytes of the prompt. */
struct Span {
  int begin, end;
};

Span bytes_of(const Chars& text, size_t first, size_t count) {
  Span span{text[first].begin, text[first].end};
  for (size_t i = first; i < first + count; ++i)
    span = {std::min(span.begin, text[i].begin), std::max(span.end, text[i].end)};
  return span;
}

std::vector<Span> matches(const Words& prompt, const Chars& phrase) {
  std::vector<Span> found;
  const size_t n = phrase.size();
  for (size_t i = 0; i + n <= prompt.text.size();) {
    const bool here = prompt.starts[i] && prompt.starts[i + n] &&
                      std::equal(phrase.begin(), phrase.end(), prompt.text.begin() + i,
                                 [](const Char& a, const Char& b) { return a.code == b.code; });
    if (here) found.push_back(bytes_of(prompt.text, i, n));
    i += here ? n : 1;
  }
  return found;
}

TokenRange tokens_in(const Encoded& encoded, const Span& span) {
  const auto overlaps = [&](const Token& t) { return t.begin < span.end && t.end > span.begin; };
  const auto& tokens = encoded.tokens;
  const auto first = std::ranges::find_if(tokens, overlaps);
  const auto last = std::find_if_not(first, tokens.end(), overlaps);
  return {static_cast<int>(first - tokens.begin()), static_cast<int>(last - tokens.begin())};
}

[[noreturn]] void refuse(std::string_view message) {
  fail(ErrorCode::invalid_request, "prompt", message);
}

Chars checked_phrase(std::string_view phrase) {
  if (phrase.size() > kMaxPhraseBytes)
    refuse(fmt::format("a phrase of {} bytes; expected at most {}", phrase.size(), kMaxPhraseBytes));
  Words words(phrase, "phrase");
  words.trim();
  if (words.text.empty()) refuse("the phrase is empty; expected words of the prompt");
  return words.text;
}

}  // namespace

std::vector<TokenRange> find_phrase(const Encoded& encoded, std::string_view prompt, std::string_view phrase,
                                    int occurrence) {
  const Words words(prompt, "prompt");
  auto found = matches(words, checked_phrase(phrase));
  const auto shown = io::printable(phrase);
  if (found.empty())
    refuse(fmt::format("the phrase \"{}\" is not in the prompt as whole words; {}", shown,
                       choices(phrase, words.list(prompt))));
  if (occurrence < 0 || occurrence > static_cast<int>(found.size()))
    refuse(
        fmt::format("occurrence {} of \"{}\": the prompt has it {} times; expected 1..{}, or 0 "
                    "for all",
                    occurrence, shown, found.size(), found.size()));
  if (occurrence > 0) found = {found[static_cast<size_t>(occurrence) - 1]};

  std::vector<TokenRange> ranges;
  const size_t fits = prompt.size() - encoded.cut.size();
  for (const auto& span : found) {
    if (static_cast<size_t>(span.end) > fits)
      refuse(
          fmt::format("the phrase \"{}\" stands at byte {}, but the text encoder reads only the "
                      "first {} tokens of the prompt ({} bytes); shorten the prompt or name an "
                      "earlier occurrence",
                      shown, span.begin, encoded.tokens.size(), fits));
    ranges.push_back(tokens_in(encoded, span));
  }
  return ranges;
}

}  // namespace corepulse::text
