#pragma once
// SHA-256's work: whole blocks of 64 bytes.

#include <array>
#include <cstddef>
#include <cstdint>

namespace corepulse::io {

using Sha256State = std::array<uint32_t, 8>;

/** The standard's formula. */
void sha256_blocks_plain(Sha256State& state, const std::byte* bytes, size_t blocks);

/** The same by the processor's own instructions, six times as fast; nothing happens and false where it has none. */
bool sha256_blocks_x86(Sha256State& state, const std::byte* bytes, size_t blocks);

/** The standard's 64 constants. */
extern const std::array<uint32_t, 64> kSha256Round;

}  // namespace corepulse::io
