// Texts with some words exchanged, and where the embeddings of the others go.
#include <algorithm>

#include "control/texts/text_table.h"

namespace corepulse::control {
namespace {

/** Bytes [begin, end) of the new prompt that stood in the old one from old_begin on. */
struct Piece {
  int begin, end, old_begin;
};

struct Rewritten {
  std::string prompt;
  std::vector<Piece> pieces;
};

Rewritten rewritten(const std::string& old, const std::vector<TextTable::Match>& found, const std::string& with) {
  Rewritten fresh;
  auto& text = fresh.prompt;
  int at = 0;
  const auto copy = [&](int end) {
    const int begin = static_cast<int>(text.size());
    fresh.pieces.push_back({begin, begin + end - at, at});
    text.append(old, at, end - at);
  };
  for (const auto& match : found) {
    copy(match.begin);
    text += with;
    at = match.end;
    // Without new words, one of the spaces around the old ones goes too.
    if (with.empty() && !text.empty() && text.back() == ' ' && old[at] == ' ') ++at;
  }
  copy(static_cast<int>(old.size()));
  return fresh;
}

/** The old token that a new one is, or -1. */
int same_token(const TextToken& token, const TokenizedText& old, const std::vector<Piece>& pieces) {
  int found = -1;
  for (const auto& piece : pieces) {
    if (token.begin < piece.begin || token.end > piece.end) continue;
    const int moved = piece.old_begin - piece.begin;
    const TextToken was{token.id, token.begin + moved, token.end + moved};
    const auto same = std::find(old.tokens.begin(), old.tokens.end(), was) - old.tokens.begin();
    if (same < old.kept) found = static_cast<int>(same);
  }
  return found;
}

/** For every position of the new text, that in the old one, or -1. */
std::vector<int> origins(const TokenizedText& old, const TokenizedText& now, const std::vector<Piece>& pieces) {
  std::vector<int> from(now.ids.size(), -1);
  for (int p = 0; p < now.first; ++p) from[p] = p;
  for (int i = 0; i < now.kept; ++i)
    if (const int token = same_token(now.tokens[i], old, pieces); token >= 0) from[now.first + i] = old.first + token;
  for (int p = now.first + now.kept; p < static_cast<int>(from.size()); ++p) {
    const int was = p - now.kept - now.first + old.kept + old.first;
    if (was < static_cast<int>(old.ids.size())) from[p] = was;
  }
  return from;
}

}  // namespace

Exchanged TextTable::exchange(int text, const Tokens& words, const std::string& with, bool keep) {
  const auto fresh = rewritten(prompt(text), matches(text, words), with);
  const int next = add(fresh.prompt, texts_[text].spec.negative);
  const auto from = origins(tokens(text), tokens(next), fresh.pieces);
  return {keep ? kept(text, next, from) : next, from};
}

int TextTable::kept(int text, int next, const std::vector<int>& from) {
  if (next == text) return text;
  Text mixed = texts_[next];
  mixed.id = -1;
  for (size_t p = 0; p < from.size(); ++p)
    mixed.spec.picks.push_back(from[p] < 0 ? Pick{next, static_cast<int>(p)} : Pick{text, from[p]});
  for (size_t i = 0; i < texts_.size(); ++i)
    if (texts_[i].spec == mixed.spec) return static_cast<int>(i);
  return add_text(std::move(mixed));
}

}  // namespace corepulse::control
