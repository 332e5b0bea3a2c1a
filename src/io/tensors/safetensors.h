#pragma once
// safetensors files: the header is checked here, before anything else sees the file; the data is
// mapped, not copied.

#include <filesystem>
#include <map>
#include <string>

#include "io/tensors/tensor_view.h"

namespace corepulse::io {

class MappedFile;

struct SafetensorsFile {
  Tensors tensors;
  std::map<std::string, std::string> metadata;  ///< `__metadata__`.
  size_t file_bytes = 0;
  std::shared_ptr<const MappedFile> mapping;  ///< The bytes that the tensors point into.
};

/**
 * Maps a safetensors file and checks its whole header: sizes, JSON depth, dtypes, products,
 * overlaps, holes, duplicate keys, end of file. Limits: header 100 MB, 65,536 tensors, rank 8,
 * dimensions below 2^31.
 * @throws Error not_found, io, or bad_file naming file and tensor. Pickles (.ckpt, .bin, .pt, .pth,
 * zip magic) are bad_file with the remedy (convert to safetensors); GGUF is unsupported_model.
 */
SafetensorsFile open_safetensors(const std::filesystem::path& file);

/** Throws bad_file if the file was written to or cut since it was opened: ask before reading its
 * tensors. */
void check_unchanged(const SafetensorsFile& file);

/** Writes tensors (little-endian; wide element types first, then by name) atomically; the same
 * bytes for the same input. */
void write_safetensors(const std::filesystem::path& file, const Tensors& tensors,
                       const std::map<std::string, std::string>& metadata = {});

}  // namespace corepulse::io
