#include "control/texts/alignment.h"

#include <algorithm>

#include "base/ascii.h"

namespace corepulse::control {
namespace {

/** Tokens up to the end marker. */
int length(const TokenizedText& text) {
  const int last = text.positions.empty() ? 0 : text.positions.back();
  return std::min(last + 2, static_cast<int>(text.ids.size()));
}

TokenMap nothing(const TokenizedText& from, const TokenizedText& to) {
  return {std::vector<double>(from.ids.size() * to.ids.size()), std::vector<double>(to.ids.size())};
}

/** The best score of the first i and the first j tokens. */
class Scores {
 public:
  Scores(const std::vector<int>& a, int m, const std::vector<int>& b, int n)
      : width_(static_cast<size_t>(n) + 1), scores_((static_cast<size_t>(m) + 1) * width_) {
    for (int i = 1; i <= m; ++i)
      for (int j = 1; j <= n; ++j)
        at(i, j) = std::max({at(i, j - 1), at(i - 1, j), at(i - 1, j - 1) + (a[i - 1] == b[j - 1] ? 1 : -1)});
  }
  int& at(int i, int j) { return scores_[static_cast<size_t>(i) * width_ + j]; }

 private:
  size_t width_;
  std::vector<int> scores_;
};

/** Positions of the tokens of each word, where any of them is kept. */
std::vector<std::vector<int>> words_of(const std::string& prompt, const TokenizedText& text) {
  std::vector<std::vector<int>> words;
  bool inside = false;
  std::vector<int> word_at(prompt.size(), -1);
  for (size_t i = 0; i < prompt.size(); ++i) {
    if (!is_space(prompt[i]) && !inside) words.emplace_back();
    inside = !is_space(prompt[i]);
    if (inside) word_at[i] = static_cast<int>(words.size()) - 1;
  }
  for (int t = 0; t < text.kept(); ++t) {
    const auto begin = static_cast<size_t>(text.tokens[t].begin);
    if (begin < word_at.size() && word_at[begin] >= 0) words[word_at[begin]].push_back(text.positions[t]);
  }
  return words;
}

/** By chunk, the positions that no word has: its start, its end and its padding. */
std::vector<std::vector<int>> around_words(const TokenizedText& text) {
  const auto all = places(text);
  std::vector<std::vector<int>> chunks;
  for (size_t p = 0; p < all.size(); ++p) {
    if (all[p] == Place::start) chunks.emplace_back();
    if (all[p] != Place::word) chunks.back().push_back(static_cast<int>(p));
  }
  return chunks;
}

}  // namespace

TokenMap aligned(const TokenizedText& from, const TokenizedText& to) {
  auto map = nothing(from, to);
  const size_t columns = to.ids.size();
  int i = length(from), j = length(to);
  // Padding is padding: behind the end of the longer one.
  for (size_t p = static_cast<size_t>(j); p < columns; ++p)
    if (const auto was = std::max(p, static_cast<size_t>(i)); was < from.ids.size())
      map.weights[was * columns + p] = map.known[p] = 1;
  Scores scores(from.ids, i, to.ids, j);
  while (i > 0 && j > 0) {
    if (scores.at(i, j) == scores.at(i, j - 1)) {
      --j;
    } else if (scores.at(i, j) == scores.at(i - 1, j)) {
      --i;
    } else {
      --i, --j;
      map.weights[i * columns + j] = map.known[j] = 1;
    }
  }
  return map;
}

TokenMap word_by_word(const std::string& from_prompt, const TokenizedText& from, const std::string& to_prompt,
                      const TokenizedText& to) {
  const auto old_words = words_of(from_prompt, from), new_words = words_of(to_prompt, to);
  auto map = nothing(from, to);
  map.known.assign(to.ids.size(), 1);
  const int columns = static_cast<int>(to.ids.size());
  const auto weight = [&](int i, int j) -> double& { return map.weights[static_cast<size_t>(i) * columns + j]; };
  for (size_t w = 0; w < old_words.size(); ++w) {
    const auto &a = old_words[w], &b = new_words[w];
    for (size_t i = 0; i < a.size(); ++i)
      for (size_t j = 0; j < b.size(); ++j)
        weight(a[i], b[j]) = a.size() != b.size() ? 1.0 / static_cast<double>(b.size()) : i == j;
  }
  // Start, end marker and padding of each chunk; what is left over goes to the last position.
  const auto old_rest = around_words(from), new_rest = around_words(to);
  for (size_t c = 0; c < old_rest.size(); ++c)
    for (size_t n = 0; n < old_rest[c].size(); ++n) {
      const bool there = c < new_rest.size() && n < new_rest[c].size();
      weight(old_rest[c][n], there ? new_rest[c][n] : columns - 1) = 1;
    }
  return map;
}

int count_words(const std::string& prompt) {
  return static_cast<int>(words_of(prompt, {}).size());
}

}  // namespace corepulse::control
