#include "text/clip_tokenizer.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/utf8.h"
#include "text/split.h"

namespace corepulse::text {
namespace {

std::u32string codes(const Chars& text) {
  std::u32string out;
  for (const auto& c : text) out += c.code;
  return out;
}

bool starts_with(std::span<const Char> text, const std::u32string& prefix) {
  return text.size() >= prefix.size() && std::ranges::equal(text.first(prefix.size()), prefix, {}, &Char::code);
}

/** The bytes that a few neighbouring characters come from; composing may have reordered them. */
Token token_of(int id, std::span<const Char> chars) {
  Token token{id, chars[0].begin, chars[0].end};
  for (const auto& c : chars) {
    token.begin = std::min(token.begin, c.begin);
    token.end = std::max(token.end, c.end);
  }
  return token;
}

int largest_id(const Vocabulary& v) {
  int largest = 0;
  for (const auto& [token, id] : v.ids) largest = std::max(largest, id);
  for (const auto& token : v.added) largest = std::max(largest, token.id);
  return largest;
}

}  // namespace

ClipTokenizer::ClipTokenizer(const Vocabulary& v)
    : byte_pairs_(v),
      bos_(v.bos),
      eos_(v.eos),
      pad_(v.pad),
      max_length_(v.max_length),
      vocabulary_size_(largest_id(v) + 1) {
  for (const auto& token : v.added) {
    const auto text = decode(token.text, "tokenizer");
    auto& specials = token.normalized ? normalized_ : plain_;
    specials.push_back({codes(token.normalized ? normalize(text) : text), token.id});
  }
  // The longest match wins.
  for (auto* specials : {&plain_, &normalized_})
    std::ranges::stable_sort(*specials, std::ranges::greater(), [](const Special& s) { return s.text.size(); });
}

/** Finds special tokens from left to right; what stands between them goes to `rest`. */
template <class Rest>
void ClipTokenizer::match(std::span<const Char> text, const std::vector<Special>& specials, std::vector<Token>& out,
                          const Rest& rest) {
  size_t done = 0;
  for (size_t at = 0; at < text.size();) {
    const auto here = text.subspan(at);
    const auto special = std::ranges::find_if(specials, [&](const Special& s) { return starts_with(here, s.text); });
    if (special == specials.end()) {
      ++at;
      continue;
    }
    rest(text.subspan(done, at - done));
    const size_t length = special->text.size();
    out.push_back(token_of(special->id, here.first(length)));
    done = at += length;
  }
  rest(text.subspan(done));
}

void ClipTokenizer::append_words(std::span<const Char> normalized, std::vector<Token>& out) const {
  std::string bytes;
  std::vector<size_t> char_of;  // Which character of the word a byte belongs to.
  for (const auto word : split(normalized)) {
    bytes.clear();
    char_of.clear();
    for (size_t i = 0; i < word.size(); ++i) {
      io::append_utf8(bytes, word[i].code);
      char_of.resize(bytes.size(), i);
    }
    for (const auto& unit : byte_pairs_.encode(bytes)) {
      const size_t first = char_of[unit.begin], last = char_of[unit.end - 1];
      out.push_back(token_of(unit.id, word.subspan(first, last - first + 1)));
      out.back().ends_word = unit.end == static_cast<int>(bytes.size());
    }
  }
}

std::vector<Token> ClipTokenizer::tokenize_all(std::string_view prompt) const {
  if (prompt.size() > kMaxPromptBytes)
    fail(ErrorCode::invalid_request, "prompt",
         fmt::format("{} bytes of text; expected at most {}", prompt.size(), kMaxPromptBytes));
  std::vector<Token> tokens;
  const auto text = decode(prompt, "prompt");
  match(text, plain_, tokens, [&](std::span<const Char> part) {
    const auto normalized = normalize({part.begin(), part.end()});
    match(normalized, normalized_, tokens, [&](std::span<const Char> words) { append_words(words, tokens); });
  });
  return tokens;
}

Encoded ClipTokenizer::encode(std::string_view prompt) const {
  Encoded encoded;
  encoded.tokens = tokenize_all(prompt);
  const size_t fit = static_cast<size_t>(max_length_) - 2;
  if (encoded.tokens.size() > fit) {
    encoded.cut = prompt.substr(static_cast<size_t>(encoded.tokens[fit].begin));
    encoded.tokens.resize(fit);
  }
  encoded.ids.push_back(bos_);
  for (const auto& token : encoded.tokens) encoded.ids.push_back(token.id);
  encoded.ids.push_back(eos_);
  encoded.ids.resize(static_cast<size_t>(max_length_), pad_);
  return encoded;
}

}  // namespace corepulse::text
