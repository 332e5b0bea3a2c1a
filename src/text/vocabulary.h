#pragma once
// What a CLIP tokenizer is made of, read from a tokenizer folder or from the shipped vocabulary.

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace corepulse::text {

/** The longest text encoder: 248 is LongCLIP's. */
inline constexpr int kMostPromptIds = 4096;

/** A token that is matched in the text as it stands, before it is split into words. */
struct AddedToken {
  std::string text;
  int id = 0;
  bool normalized = false;  ///< Matched after lowercasing, as itself lowercased.
};

/** Tokens are spelled as in vocab.json: bytes as printable characters, "</w>" at a word's end. */
struct Vocabulary {
  std::unordered_map<std::string, int> ids;
  std::vector<std::pair<std::string, std::string>> merges;  ///< Most important first.
  std::vector<AddedToken> added;                            ///< At least the beginning, end and padding tokens.
  int bos = 0, eos = 0, unk = 0, pad = 0;
  int max_length = 77;  ///< Ids per prompt, with beginning and end: 3..kMostPromptIds.

  int id(const std::string& token) const {
    const auto found = ids.find(token);
    return found == ids.end() ? -1 : found->second;
  }
};

/**
 * A tokenizer folder of Diffusers or transformers: vocab.json and merges.txt, or tokenizer.json;
 * with tokenizer_config.json, special_tokens_map.json and added_tokens.json where they exist,
 * understood as transformers 5 does (CLIPTokenizer.from_pretrained).
 * @throws Error not_found, io, bad_file, or unsupported_model for what CLIP's tokenizers never use.
 */
Vocabulary read_tokenizer_folder(const std::filesystem::path& folder);

/** What fills a prompt up to 77 tokens. */
enum class Padding {
  eos,         ///< <|endoftext|>: SD1, SDXL's first encoder.
  exclamation  ///< "!", id 0: SD2, SDXL's second encoder. As in their tokenizers, every "!" of a
               ///< prompt then is this token.
};

/**
 * CLIP's 49,408 tokens from data/clip/bpe_simple_vocab_16e6.txt.gz.
 * @throws Error not_found, io or bad_file.
 */
Vocabulary read_clip_vocabulary(const std::filesystem::path& gz_file, Padding padding);

/** The printable character (UTF-8) that stands for each byte in vocab.json (GPT-2's alphabet). */
const std::vector<std::string>& byte_alphabet();

inline constexpr std::string_view kStartOfText = "<|startoftext|>";
inline constexpr std::string_view kEndOfText = "<|endoftext|>";
inline constexpr std::string_view kEndOfWord = "</w>";

}  // namespace corepulse::text
