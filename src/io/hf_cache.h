#pragma once
// Models that Hugging Face's tools have already downloaded, found by "org/name". Nothing here uses
// the network.

#include <filesystem>
#include <string>
#include <string_view>

namespace corepulse::io {

/** Where the hub's cache is: $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, else
 * ~/.cache/huggingface/hub. */
std::filesystem::path hf_cache_directory();

/** Whether `text` can be a repository's id: "org/name" or "name", with or without "@revision". */
bool is_hf_id(std::string_view text);

struct HfSnapshot {
  std::filesystem::path folder;
  std::string commit;
};

/**
 * The downloaded snapshot of a repository; `id` is "org/name" or "org/name@revision" (branch, tag
 * or commit; default "main"). All links in it point into the repository's own folder of the cache.
 * @throws Error invalid_request (not an id), not_found (names the places looked at), bad_file (a
 * link leads outside).
 */
HfSnapshot find_hf_snapshot(std::string_view id);

}  // namespace corepulse::io
