#pragma once
// SHA-256 (FIPS 180-4): whether a file is the one we think it is.

#include <array>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace corepulse::io {

/** Takes bytes piece by piece. */
class Sha256 {
 public:
  void update(std::span<const std::byte> bytes);
  /** The digest as 64 hexadecimal digits; the object is used up. */
  std::string hex();

 private:
  void blocks(const std::byte* bytes, size_t n);
  std::array<uint32_t, 8> state_ = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                    0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::array<std::byte, 64> rest_{};
  uint64_t total_ = 0;
};

/** The digest of these bytes. */
std::string sha256_of(std::string_view bytes);
/** Whether it could be one: 64 hexadecimal digits. */
bool is_sha256(std::string_view text);

/** The digest of a file, read in pieces. @throws Error not_found, io, bad_file (not a regular
 * file). */
std::string sha256_file(const std::filesystem::path& file);

/**
 * Checks every file that a SHA256SUMS file lists ("digest  ./name" lines, names inside its folder).
 * @throws Error bad_file naming the first file that differs, not_found for one that is missing.
 */
void check_sha256_sums(const std::filesystem::path& sums);

}  // namespace corepulse::io
