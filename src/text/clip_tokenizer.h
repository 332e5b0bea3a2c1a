#pragma once
// Text to the token ids of CLIP's text encoders.
//
//   const auto tokenizer = ClipTokenizer(read_tokenizer_folder(model / "tokenizer"));
//   const auto encoded = tokenizer.encode("a photo of a cat");   // encoded.ids: 77 numbers

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "text/byte_pairs.h"
#include "text/unicode.h"
#include "text/vocabulary.h"

namespace corepulse::text {

/** A token and the bytes [begin, end) of the prompt as given that it stands for. */
struct Token {
  int id = 0;
  int begin = 0, end = 0;  ///< Tokens that share a character share its bytes.
  bool ends_word = false;  ///< It is the last of its word's tokens; special tokens end none.
};

/** Ids of added tokens begin here, beyond those of every vocabulary: words that files define (EmbeddedWords). */
inline constexpr int kFirstAddedId = 1 << 24;

struct Encoded {
  std::vector<int> ids;       ///< Exactly max_length(): beginning, tokens, end, padding.
  std::vector<Token> tokens;  ///< The prompt's own that fit, in order; tokens[i] stands at ids[i + 1].
  std::string cut;            ///< The part of the prompt that did not fit, "" if all did.
};

/** Prompts (and phrases) may be this long, in bytes of UTF-8. */
inline constexpr size_t kMaxPromptBytes = 16 * 1024;

/** Gives the same ids as transformers' CLIPTokenizer. Immutable: threads may share it. */
class ClipTokenizer {
 public:
  /** @throws Error{bad_file} if merges and tokens do not fit together. */
  explicit ClipTokenizer(const Vocabulary& vocabulary);

  /** @throws Error{invalid_request} for invalid UTF-8 or more than kMaxPromptBytes. */
  Encoded encode(std::string_view prompt) const;

  /** All tokens of the prompt, however many, without beginning and end. @throws as encode. */
  std::vector<Token> tokenize_all(std::string_view prompt) const;

  int bos() const { return bos_; }
  int eos() const { return eos_; }
  int pad() const { return pad_; }
  int max_length() const { return max_length_; }
  /** Of several encoders of one model, whose positions stand side by side: as many ids as the shortest takes. */
  void shorten(int max_length) { max_length_ = std::min(max_length_, max_length); }
  /** Largest id plus one: the text encoder must embed at least as many. */
  int vocabulary_size() const { return vocabulary_size_; }

 private:
  struct Special {
    std::u32string text;
    int id = 0;
  };
  template <class Rest>
  static void match(std::span<const Char> text, const std::vector<Special>& specials, std::vector<Token>& out,
                    const Rest& rest);
  void append_words(std::span<const Char> normalized, std::vector<Token>& out) const;

  BytePairs byte_pairs_;
  std::vector<Special> plain_, normalized_;  // Matched before and after normalising.
  int bos_, eos_, pad_, max_length_, vocabulary_size_;
};

}  // namespace corepulse::text
