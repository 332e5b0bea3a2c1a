// Texts with some words exchanged, and where the embeddings of the others go.
#include <algorithm>

#include "control/texts/text_table.h"

namespace corepulse::control {
namespace {

/** Bytes [begin, end) of the new prompt that stood in the old one from old_begin on. */
struct Piece {
  int begin, end, old_begin;
};

/** A text whose matches are replaced, from its beginning to its end. */
class Rewriting {
 public:
  Rewriting(const PromptText& old, const std::string& with) : old_(old), with_(with) {}

  void replace(const TextTable::Match& match) {
    copy(match.begin);
    const int begin = size();
    fresh_.text += with_;
    replaced_.push_back({match.begin, match.end, begin, size()});
    at_ = match.end;
    // Without new words, one of the spaces around the old ones goes too.
    const auto& text = fresh_.text;
    if (with_.empty() && !text.empty() && text.back() == ' ' && old_.text[static_cast<size_t>(at_)] == ' ') ++at_;
  }

  PromptText finish() {
    copy(static_cast<int>(old_.text.size()));
    for (auto stretch : old_.stretches) {
      stretch.begin = moved(stretch.begin, /*end=*/false), stretch.end = moved(stretch.end, /*end=*/true);
      // The new words belong to the stretch in which the old ones begin.
      stretch.begin = std::min(stretch.begin, stretch.end);
      fresh_.stretches.push_back(stretch);
    }
    return std::move(fresh_);
  }

  const std::vector<Piece>& pieces() const { return pieces_; }

 private:
  struct Replaced {
    int begin, end, new_begin, new_end;
  };

  int size() const { return static_cast<int>(fresh_.text.size()); }
  void copy(int end) {
    pieces_.push_back({size(), size() + end - at_, at_});
    fresh_.text.append(old_.text, static_cast<size_t>(at_), static_cast<size_t>(end - at_));
  }
  /** Where the begin or the end of a stretch of the old text is now. */
  int moved(int byte, bool end) const {
    for (const auto& r : replaced_) {
      if (byte == r.begin) return r.new_begin;
      if (byte > r.begin && byte < r.end) return r.new_end;
      if (byte == r.end && end) return r.new_end;
    }
    int now = size();
    for (const auto& piece : pieces_)
      if (byte <= piece.old_begin + piece.end - piece.begin) {
        now = piece.begin + std::max(0, byte - piece.old_begin);
        break;
      }
    return now;
  }

  const PromptText& old_;
  const std::string& with_;
  PromptText fresh_;
  std::vector<Piece> pieces_;
  std::vector<Replaced> replaced_;
  int at_ = 0;
};

/** The old token that a new one is, or -1. */
int same_token(const TextToken& token, const TokenizedText& old, const std::vector<Piece>& pieces) {
  int found = -1;
  for (const auto& piece : pieces) {
    if (token.begin < piece.begin || token.end > piece.end) continue;
    const int moved = piece.old_begin - piece.begin;
    const TextToken was{token.id, token.begin + moved, token.end + moved};
    const auto same = std::find(old.tokens.begin(), old.tokens.end(), was) - old.tokens.begin();
    if (same < old.kept()) found = static_cast<int>(same);
  }
  return found;
}

/** For every position of the new text, that in the old one, or -1. */
std::vector<int> origins(const TokenizedText& old, const TokenizedText& now, const std::vector<Piece>& pieces) {
  std::vector<int> from(now.ids.size(), -1);
  for (int i = 0; i < now.kept(); ++i)
    if (const int token = same_token(now.tokens[i], old, pieces); token >= 0)
      from[now.positions[i]] = old.positions[token];
  // Starts are those of the same chunk, and so is what stands behind its words, counted from the end of these.
  const auto places_now = places(now), places_old = places(old);
  for (size_t begin = 0; begin < from.size(); begin += now.chunk) {
    const size_t end = std::min(begin + now.chunk, std::min(from.size(), places_old.size()));
    size_t was = begin;
    for (size_t p = begin; p < begin + now.chunk && p < from.size(); ++p) {
      if (places_now[p] == Place::start) {
        if (p < end) from[p] = static_cast<int>(p);
        continue;
      }
      if (places_now[p] == Place::word) continue;
      while (was < end && (places_old[was] == Place::start || places_old[was] == Place::word)) ++was;
      if (was < end) from[p] = static_cast<int>(was++);
    }
  }
  return from;
}

}  // namespace

Exchanged TextTable::exchange(int text, const Tokens& words, const std::string& with, bool keep) {
  require_even(text);
  const auto old = texts_[text].spec.text();
  Rewriting rewriting(old, with);
  for (const auto& match : matches(text, words)) rewriting.replace(match);
  const int next = add(rewriting.finish(), texts_[text].spec.negative, texts_[text].spec.second);
  require_even(next);
  const auto from = origins(tokens(text), tokens(next), rewriting.pieces());
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
