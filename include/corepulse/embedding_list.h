#pragma once
// The words that the files of a folder define (textual inversion): Recipe::embeddings.

#include <filesystem>
#include <string>
#include <vector>

namespace corepulse {

struct EmbeddingInfo {
  std::string name;         ///< The word.
  std::string file;         ///< Path.
  int vectors = 0;          ///< Tokens of a prompt that it takes.
  std::vector<int> widths;  ///< Numbers of a vector, by text encoder.
  std::string family;       ///< "sd1", "sd2", "sdxl"; "": of no known family.
  std::string error;        ///< Why the file cannot be read; "": it can.
};

/** By name; reads headers only. @throws Error not_found, io. */
std::vector<EmbeddingInfo> list_embeddings(const std::filesystem::path& folder);

}  // namespace corepulse
