#include "pipeline/forecast/unknown_words.h"

#include <algorithm>

#include "base/ascii.h"

namespace corepulse::pipeline {
namespace {

struct Span {
  int begin, end;  ///< Bytes.
};

std::vector<Span> words_of(const std::string& text) {
  std::vector<Span> words;
  for (size_t at = 0; at < text.size(); ++at) {
    if (!is_letter(text[at])) continue;
    if (at == 0 || !is_letter(text[at - 1])) words.push_back({static_cast<int>(at), 0});
    words.back().end = static_cast<int>(at) + 1;
  }
  return words;
}

std::string in_lower_case(std::string word) {
  std::ranges::transform(word, word.begin(), lower);
  return word;
}

}  // namespace

std::vector<std::string> unknown_words(const std::vector<std::string>& texts, const text::ClipTokenizer& tokenizer) {
  std::vector<std::string> unknown, seen;
  for (const auto& text : texts) {
    const auto tokens = tokenizer.tokenize_all(text);
    for (const auto& [begin, end] : words_of(text)) {
      const auto inside = std::count_if(tokens.begin(), tokens.end(), [first = begin, last = end](const auto& token) {
        return token.begin < last && token.end > first;
      });
      const auto word = text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
      if (inside < 2 || std::find(seen.begin(), seen.end(), in_lower_case(word)) != seen.end()) continue;
      seen.push_back(in_lower_case(word));
      unknown.push_back(word);
    }
  }
  return unknown;
}

}  // namespace corepulse::pipeline
