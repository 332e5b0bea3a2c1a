#pragma once
// What took long to compute, kept on disk for later processes. Losing it costs that time again, so whatever goes wrong
// here is as if nothing had been kept.

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace corepulse::io {

/** The folder `name` of ours in the user's cache folder (see cache_directory); empty when there is no home folder. */
std::filesystem::path kept_folder(const char* name);

/** What was kept for `key`; none if there is nothing, it was kept for another key or came to harm, or others may write
 * to the folder. */
std::optional<std::string> find_kept(const std::filesystem::path& folder, const std::string& key);

/** Some 3000 of our CUDA kernels, of which one version of this program on one GPU has some 50; or 100,000 digests. */
constexpr size_t kKeptFolderBytes = size_t{64} << 20;

/**
 * Keeps `content` for whatever `key` spells out; in one step, so that processes may do so at the same time. What was
 * not used for longest goes when the folder then holds more than `most` bytes.
 */
void keep(const std::filesystem::path& folder, const std::string& key, const std::string& content,
          size_t most = kKeptFolderBytes);

}  // namespace corepulse::io
