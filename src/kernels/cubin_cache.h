#pragma once
// Compiled kernels on disk, so that only the first process compiles. Losing them costs a moment: whatever goes wrong
// here is as if nothing had been kept.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace corepulse::kernels {

/** $XDG_CACHE_HOME/corepulse/cuda, else ~/.cache/corepulse/cuda; empty when there is no home folder. */
std::filesystem::path cubin_folder();

/** What was stored for `key`; none if there is nothing, it was stored for another key or came to harm, or others may
 * write to the folder: what lies there runs on the GPU. */
std::optional<std::string> load_cubin(const std::filesystem::path& folder, const std::string& key);

/** Some 3000 kernels; one version of this program on one GPU has some 50. */
constexpr size_t kCubinFolderBytes = size_t{64} << 20;

/**
 * Keeps `cubin` for whatever `key` spells out; in one step, so that processes may store at the same time. What was not
 * used for longest goes when the folder then holds more than `most` bytes.
 */
void store_cubin(const std::filesystem::path& folder, const std::string& key, const std::string& cubin,
                 size_t most = kCubinFolderBytes);

}  // namespace corepulse::kernels
