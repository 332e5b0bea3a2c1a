#pragma once
// The header of a safetensors file, read from memory: the part that meets hostile bytes.

#include <span>
#include <string_view>

#include "io/tensors/safetensors.h"

namespace corepulse::io {

/**
 * Reads and checks the header of a whole file in memory. The tensors' data points into `bytes`;
 * `file` names the file in messages. @throws Error bad_file, or unsupported_model for GGUF.
 */
SafetensorsFile parse_safetensors(std::span<const std::byte> bytes, std::string_view file);

/** Throws bad_file saying how to convert a pickle. */
[[noreturn]] void refuse_pickle(std::string_view file);

}  // namespace corepulse::io
