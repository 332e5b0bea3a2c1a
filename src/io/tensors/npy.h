#pragma once
// NumPy's .npy format (version 1.0), for tables of numbers that people look at elsewhere.

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace corepulse::io {

/** Writes float32 numbers in row-major order atomically. @throws Error internal (shape and size
 * disagree), not_found, io. */
void write_npy(const std::filesystem::path& file, const std::vector<int64_t>& shape, std::span<const float> values);

}  // namespace corepulse::io
