#pragma once
// A tokenizer folder while it is read: its files, and errors that name them.

#include <filesystem>
#include <string_view>

#include "io/json.h"
#include "text/vocabulary.h"

namespace corepulse::text {

struct TokenizerFolder {
  std::filesystem::path path;

  bool has(const char* file) const;
  /** The file's JSON object. @throws Error not_found, io or bad_file. */
  io::Json object(const char* file) const;
  /** The same, or {} without the file. */
  io::Json object_if_there(const char* file) const;

  [[noreturn]] void bad(std::string_view file, std::string_view message) const;
  [[noreturn]] void unsupported(std::string_view file, std::string_view message) const;
  /** A token's id, checked. */
  int id(const io::Json& value, const char* file, std::string_view token) const;
};

/**
 * Fills in the special and added tokens of `v`, whose tokens are read already.
 * @param config tokenizer_config.json; @param listed the "added_tokens" of tokenizer.json, or null.
 */
void read_added_tokens(const TokenizerFolder& folder, const io::Json& config, const io::Json& listed, Vocabulary& v);

}  // namespace corepulse::text
