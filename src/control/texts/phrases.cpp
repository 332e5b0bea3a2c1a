// Phrases in texts: whole words, whatever their case, found by their tokens; and what touches punctuation, as written.
#include <algorithm>
#include <fmt/format.h>
#include <optional>

#include "base/ascii.h"
#include "control/texts/text_table.h"
#include "control/texts/word_chars.h"

namespace corepulse::control {
namespace {

// A text and its tokens, and a phrase that is looked for from left to right.
struct Search {
  const std::string& text;
  const std::vector<TextToken>& words;
  const std::vector<TextToken>& phrase;
  std::string_view written;  // the phrase

  // The tokenizer has folded case and Unicode forms: equal words have equal tokens.
  bool same_tokens(size_t i) const {
    return i + phrase.size() <= words.size() &&
           std::equal(phrase.begin(), phrase.end(), words.begin() + i,
                      [](const TextToken& a, const TextToken& b) { return a.id == b.id; }) &&
           whole_words(text, words[i].begin, words[i + phrase.size() - 1].end);
  }

  // Whether tokens of punctuation may be cut at this byte: it is one token with its neighbours, as in `hello!` of
  // `hello!!!`. A word's token is never cut.
  bool may_cut(int byte) const { return !in_word(text, static_cast<size_t>(byte)); }

  // The phrase as it is written, from a byte of token i on.
  std::optional<TextTable::Match> written_at(size_t i, int begin) const {
    const auto end = end_of_phrase(text, static_cast<size_t>(begin), written);
    if (end == text.npos || !whole_words(text, static_cast<size_t>(begin), end)) return {};
    size_t last = i;
    while (last + 1 < words.size() && words[last + 1].begin < static_cast<int>(end)) ++last;
    const bool cut_begin = begin > words[i].begin, cut_end = static_cast<int>(end) < words[last].end;
    if ((cut_begin && !may_cut(begin)) || (cut_end && !may_cut(static_cast<int>(end) - 1))) return {};
    return TextTable::Match{i, last - i + 1, begin, static_cast<int>(end)};
  }

  // The first match that begins in token i, at byte `from` or later.
  std::optional<TextTable::Match> at(size_t i, int from) const {
    if (from <= words[i].begin && same_tokens(i))
      return TextTable::Match{i, phrase.size(), words[i].begin, words[i + phrase.size() - 1].end};
    for (int begin = std::max(from, words[i].begin); begin < words[i].end; ++begin)
      if (const auto match = written_at(i, begin)) return match;
    return {};
  }
};

bool is_part(Place place, Tokens::Part part) {
  switch (part) {
    case Tokens::Part::start:
      return place == Place::start;
    case Tokens::Part::words:
      return place == Place::word;
    case Tokens::Part::end:
      return place == Place::end;
    case Tokens::Part::padding:
      return place == Place::padding;
    case Tokens::Part::all:
    case Tokens::Part::phrase:
      break;
  }
  return true;
}

}  // namespace

std::vector<TextTable::Match> TextTable::matches(int text, const Tokens& tokens) {
  const auto phrase = tokenize(PromptText(tokens.phrase)).front().tokens;
  const auto& words = this->tokens(text).tokens;
  const Search search{prompt(text), words, phrase, trim(tokens.phrase)};
  std::vector<Match> all;
  int from = 0;
  for (size_t i = 0; !phrase.empty() && i < words.size();) {
    const auto match = search.at(i, from);
    if (match) all.push_back(*match), from = match->end;
    const size_t next = match ? i + match->count : i + 1;
    // Of punctuation that was cut, the rest may begin another.
    i = match && words[next - 1].end > from ? std::max(i + 1, next - 1) : next;
  }
  const auto n = static_cast<size_t>(tokens.occurrence);
  if (tokens.occurrence <= 0) return all;
  return n <= all.size() ? std::vector<Match>{all[n - 1]} : std::vector<Match>{};
}

Found TextTable::search(int text, const Tokens& tokens) {
  const auto& t = this->tokens(text);
  Found found;
  if (tokens.part != Tokens::Part::phrase) {
    const auto where = places(t);
    for (size_t p = 0; p < where.size(); ++p)
      if (is_part(where[p], tokens.part)) found.positions.push_back(static_cast<int>(p));
    return found;
  }
  for (const auto& match : matches(text, tokens)) {
    if (match.token + match.count > t.positions.size()) {
      found.cut = true;
      continue;
    }
    for (size_t i = match.token; i < match.token + match.count; ++i)
      if (found.positions.empty() || found.positions.back() < t.positions[i]) found.positions.push_back(t.positions[i]);
  }
  return found;
}

const Found& TextTable::find(int text, const Tokens& tokens) {
  const std::tuple key{text, tokens.phrase, tokens.occurrence, static_cast<int>(tokens.part)};
  const auto known = found_.find(key);
  if (known != found_.end()) return known->second;
  require_even(text);
  return found_.emplace(key, search(text, tokens)).first->second;
}

}  // namespace corepulse::control
