#pragma once
// Words that files define: the name of a file of textual inversion is one word of a prompt, and takes as many tokens as
// the file has vectors.

#include <filesystem>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "text/clip_tokenizer.h"
#include "text/embeddings/embedding_file.h"
#include "text/prompt/chunks.h"

namespace corepulse::text {

/** The files of a folder by their words: names without ".safetensors". Pickles have one, too: reading it is refused. */
std::map<std::string, std::filesystem::path> embedding_words(const std::filesystem::path& folder);

/** The words of one run, for all text encoders of its model. Threads may share it. */
class EmbeddedWords {
 public:
  struct Word {
    std::string name;
    std::filesystem::path path;
    int vectors = 0;
    std::string unusable;  ///< Why it cannot be read by this model: thrown where a text holds it. "": it can.
    ErrorCode code = ErrorCode::bad_file;
    int first = 0;  ///< Its tokens' ids are first, first + 1, ...
  };

  /**
   * Reads the headers of all files of the folder, or of those that the recipe names alone.
   * @param widths of the text encoders' embeddings.
   * @throws Error not_found (the folder, or a named file), bad_file (a named file with another digest).
   */
  EmbeddedWords(const Embeddings& given, const std::vector<ClipTokenizer>& tokenizers, const std::vector<int>& widths,
                PromptSyntax syntax);

  /**
   * The tokens of a text with each word of ours as its vectors' tokens, which share its name's bytes. In syntax comfy
   * it stands behind "embedding:". The longest of several fits. @throws Error for a word that is unusable.
   */
  std::vector<Token> replaced(size_t encoder, std::vector<Token> tokens) const;

  const std::string& folder() const { return folder_; }
  /** The vectors of these ids, [ids, width] in float32, in order. @throws Error{bad_file}. */
  mx::array vectors(size_t encoder, const std::vector<int>& ids) const;
  /** The words whose ids are among the tokens, each once. */
  std::set<const Word*> words_in(const std::vector<Token>& tokens) const;
  /** SHA-256 of its file, which stays open from now on. @throws Error{bad_file} if it is another one by now. */
  std::string sha256(const Word& word) const;

 private:
  struct Spelling {
    std::vector<int> ids;
    size_t before = 0;  ///< Tokens in front of the name that belong to it: "embedding:".
    size_t word = 0;
  };
  void add_word(const std::string& name, const std::filesystem::path& path, const std::vector<int>& widths);
  void spell(const ClipTokenizer& tokenizer, PromptSyntax syntax);
  const Spelling* found(size_t encoder, const std::vector<Token>& tokens, size_t at) const;

  const Word& word_of(int id) const;
  const EmbeddingFile& opened(const Word& word) const;

  std::string folder_;
  std::vector<int> widths_;
  std::vector<Word> words_;                                      // by first id
  std::vector<std::map<int, std::vector<Spelling>>> spellings_;  // by encoder, then by first id; longest first
  mutable std::mutex opening_;
  mutable std::map<int, EmbeddingFile> opened_;  // of words that were read, by first id: a folder may hold thousands
};

/** `words` for one text encoder, to chunked(); null: no word is changed. */
TokenChange change_of(const EmbeddedWords* words, size_t encoder);

}  // namespace corepulse::text
