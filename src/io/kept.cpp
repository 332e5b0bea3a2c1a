#include "io/kept.h"

#include <algorithm>
#include <span>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

#include "corepulse/error.h"

#include "io/digest/sha256.h"
#include "io/directories.h"
#include "io/file.h"

namespace corepulse::io {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostKept = size_t{16} << 20;  // a kernel has some 20 KB, a digest 64 bytes
constexpr size_t kDigestSize = 64;

fs::path file_of(const fs::path& folder, const std::string& key) {
  return folder / (sha256_of(key) + ".kept");
}

// A file is this, a digest of the content, and the content: nothing in it is a length or an offset that could lie.
std::string beginning(const std::string& key) {
  return "corepulse kept 1\n" + key + "\n";
}

bool is_ours_alone(const fs::path& folder) {
  struct stat status{};
  return ::stat(folder.c_str(), &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == ::geteuid() &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool make(const fs::path& folder) {
  std::error_code error;
  fs::create_directories(folder.parent_path(), error);
  ::mkdir(folder.c_str(), 0700);  // whether it was there before or cannot be made: the next line tells
  return is_ours_alone(folder);
}

/** Removes the files that were not used for longest until the rest has at most `most` bytes. */
void keep_within(const fs::path& folder, uintmax_t most) {
  struct Kept {
    fs::file_time_type used;
    uintmax_t bytes;
    fs::path file;
  };
  std::vector<Kept> files;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;  // another process may remove files too
    if (!fs::is_regular_file(at->symlink_status(gone))) continue;
    const Kept kept{at->last_write_time(gone), at->file_size(gone), at->path()};
    if (!gone) files.push_back(kept);
  }
  std::ranges::sort(files, std::greater(), &Kept::used);
  uintmax_t bytes = 0;
  for (const auto& kept : files)
    if ((bytes += kept.bytes) > most) fs::remove(kept.file, error);
}

}  // namespace

fs::path kept_folder(const char* name) {
  const auto cache = cache_directory();
  return cache.empty() ? cache : cache / "corepulse" / name;
}

std::optional<std::string> find_kept(const fs::path& folder, const std::string& key) {
  if (folder.empty() || !is_ours_alone(folder)) return {};
  try {
    auto content = read_file(file_of(folder, key), kMostKept);
    const auto head = beginning(key);
    if (!content.starts_with(head) || content.size() <= head.size() + kDigestSize) return {};
    const std::string sum = content.substr(head.size(), kDigestSize);
    content.erase(0, head.size() + kDigestSize);
    if (sha256_of(content) != sum) return {};
    std::error_code unwritable;  // a file's time is when it was last used
    fs::last_write_time(file_of(folder, key), fs::file_time_type::clock::now(), unwritable);
    return content;
  } catch (const Error&) {
    return {};  // it is computed again
  }
}

void keep(const fs::path& folder, const std::string& key, const std::string& content, size_t most) {
  if (folder.empty() || !make(folder)) return;
  try {
    const auto text = beginning(key) + sha256_of(content) + content;
    write_file(file_of(folder, key), std::as_bytes(std::span(text)));
    keep_within(folder, most);
  } catch (const Error&) {
    // A full disk is no reason to draw no picture.
  }
}

}  // namespace corepulse::io
