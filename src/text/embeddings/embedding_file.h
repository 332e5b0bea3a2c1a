#pragma once
// Textual inversion (Gal et al. 2022): a file whose vectors stand where a word's embeddings would.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "base/tensor.h"
#include "io/tensors/safetensors.h"

namespace corepulse::text {

/** A file's vectors, one list for each text encoder. */
struct EmbeddingFile {
  std::filesystem::path path;
  io::SafetensorsFile file;
  std::vector<std::string> tensors;  ///< Their names, by text encoder.
  std::vector<int> widths;  ///< Numbers per vector, by text encoder: 768 (SD1), 1024 (SD2), 768 and 1280 (SDXL).
  int vectors = 0;          ///< Of each encoder as many.

  /** [vectors, width] in float32, evaluated. @throws Error{bad_file} for numbers that are not finite, or a file that
   * changed since it was opened. */
  mx::array read(size_t encoder) const;
};

/**
 * Reads the header: `clip_l` and `clip_g` (SDXL), else the one tensor that there is, whatever its name ("emb_params", a
 * token), [vectors, width] or [width].
 * @throws Error not_found, io, bad_file naming the file: pickles, other tensors, more vectors than a prompt has tokens.
 */
EmbeddingFile open_embedding(const std::filesystem::path& path);

}  // namespace corepulse::text
