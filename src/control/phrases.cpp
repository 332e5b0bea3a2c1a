// Phrases in texts: whole words, whatever their case, found by their tokens.
#include <algorithm>
#include <fmt/format.h>
#include <numeric>

#include "control/texts.h"

namespace corepulse::control {
namespace {

// Letters and digits of ASCII, and all of every other script.
bool in_word(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) || byte >= 0x80;
}

// No letter or digit goes on before `begin` or after `end`.
bool whole_words(const std::string& text, int begin, int end) {
  if (begin > 0 && in_word(text[begin]) && in_word(text[begin - 1])) return false;
  return end == static_cast<int>(text.size()) || !in_word(text[end]) || !in_word(text[end - 1]);
}

}  // namespace

std::vector<TextTable::Match> TextTable::matches(int text, const Tokens& tokens) {
  // The tokenizer has folded case and Unicode forms: equal words have equal tokens.
  const auto phrase = tokenize(tokens.phrase).front().tokens;
  const auto& words = this->tokens(text).tokens;
  std::vector<Match> all;
  for (size_t i = 0; !phrase.empty() && i + phrase.size() <= words.size();) {
    const bool same = std::equal(phrase.begin(), phrase.end(), words.begin() + i,
                                 [](const TextToken& a, const TextToken& b) { return a.id == b.id; });
    if (same && whole_words(prompt(text), words[i].begin, words[i + phrase.size() - 1].end)) {
      all.push_back({i, phrase.size()});
      i += phrase.size();
    } else {
      ++i;
    }
  }
  const auto n = static_cast<size_t>(tokens.occurrence);
  if (tokens.occurrence <= 0) return all;
  return n <= all.size() ? std::vector<Match>{all[n - 1]} : std::vector<Match>{};
}

Found TextTable::search(int text, const Tokens& tokens) {
  const auto& t = this->tokens(text);
  const int all = static_cast<int>(t.ids.size()), end = t.first + t.kept;
  const auto range = [](int from, int to) {
    Found found;
    found.positions.resize(std::max(0, to - from));
    std::iota(found.positions.begin(), found.positions.end(), from);
    return found;
  };
  switch (tokens.part) {
    case Tokens::Part::all:
      return range(0, all);
    case Tokens::Part::start:
      return range(0, t.first);
    case Tokens::Part::words:
      return range(t.first, end);
    case Tokens::Part::end:
      return range(end, std::min(end + 1, all));
    case Tokens::Part::padding:
      return range(end + 1, all);
    case Tokens::Part::phrase:
      break;
  }
  Found found;
  for (const auto& match : matches(text, tokens)) {
    if (static_cast<int>(match.token + match.count) > t.kept) {
      found.cut = true;
      continue;
    }
    for (size_t i = 0; i < match.count; ++i) found.positions.push_back(t.first + static_cast<int>(match.token + i));
  }
  return found;
}

const Found& TextTable::find(int text, const Tokens& tokens) {
  const std::tuple key{text, tokens.phrase, tokens.occurrence, static_cast<int>(tokens.part)};
  const auto known = found_.find(key);
  if (known != found_.end()) return known->second;
  return found_.emplace(key, search(text, tokens)).first->second;
}

}  // namespace corepulse::control
