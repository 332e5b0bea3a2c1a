#include "io/hf_cache.h"

#include <algorithm>
#include <cstdlib>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/directories.h"
#include "io/file.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace fs = std::filesystem;
namespace {

constexpr const char* kWhere = "hf cache";
constexpr size_t kMostFiles = 100000;

bool is_word(std::string_view text) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  };
  return !text.empty() && text.size() <= 96 && std::all_of(text.begin(), text.end(), allowed) && text.front() != '.' &&
         text.front() != '-' && text.back() != '.';
}

// Words separated by slashes: "main", "refs/pr/3". No part can lead out of the folder.
bool is_revision(std::string_view text) {
  for (size_t slash; (slash = text.find('/')) != text.npos; text.remove_prefix(slash + 1))
    if (!is_word(text.substr(0, slash))) return false;
  return is_word(text);
}

bool is_repository(std::string_view text) {
  const auto slash = text.find('/');
  // "--" separates org and name in the folder's name.
  return text.find("--") == text.npos &&
         (slash == text.npos ? is_word(text) : is_word(text.substr(0, slash)) && is_word(text.substr(slash + 1)));
}

bool is_commit(std::string_view text) {
  return text.size() == 40 && text.find_first_not_of("0123456789abcdef") == text.npos;
}

bool is_inside(const fs::path& path, const fs::path& folder) {
  return std::mismatch(folder.begin(), folder.end(), path.begin(), path.end()).first == folder.end();
}

// The commit that a revision names; "" if the cache has none.
std::string commit_of(const fs::path& repository, const std::string& revision) {
  std::error_code error;
  const fs::path reference = repository / "refs" / revision;
  if (!fs::is_regular_file(reference, error)) return is_word(revision) ? revision : "";
  std::string commit = read_file(reference, 4096);
  commit.erase(commit.find_last_not_of(" \t\r\n") + 1);
  if (!is_commit(commit))
    fail(ErrorCode::bad_file, kWhere,
         fmt::format("{}: holds \"{}\"; expected a commit", shown(reference), printable(commit)));
  return commit;
}

void check_links(const fs::path& snapshot, const fs::path& repository) {
  std::error_code error;
  const auto home = fs::canonical(repository, error);
  if (!is_inside(fs::weakly_canonical(snapshot), home))
    fail(ErrorCode::bad_file, kWhere, fmt::format("{}: leads out of {}", shown(snapshot), shown(repository)));
  size_t files = 0;
  for (auto at = fs::recursive_directory_iterator(snapshot, error); !error && at != fs::end(at); at.increment(error)) {
    if (++files > kMostFiles)
      fail(ErrorCode::bad_file, kWhere, fmt::format("{}: more than {} files", shown(snapshot), kMostFiles));
    if (!at->is_symlink(error)) continue;
    // One step by hand: weakly_canonical takes a link to nothing for the name of the link.
    const auto target = fs::weakly_canonical(at->path().parent_path() / fs::read_symlink(at->path(), error), error);
    if (error || !is_inside(target, home))
      fail(ErrorCode::bad_file, kWhere,
           fmt::format("{}: links to {}; expected a file in {}", shown(at->path()), shown(target), shown(repository)));
  }
  if (error) fail(ErrorCode::io, kWhere, fmt::format("{}: cannot be read ({})", shown(snapshot), error.message()));
}

}  // namespace

fs::path hf_cache_directory() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const char* value = std::getenv(name); value && *value) return expand_home(value);
  if (const char* value = std::getenv("HF_HOME"); value && *value) return expand_home(value) / "hub";
  if (const char* value = std::getenv("XDG_CACHE_HOME"); value && *value)
    return expand_home(value) / "huggingface" / "hub";
  // Hugging Face's tools use ~/.cache on macOS too.
  const auto home = home_directory();
  return home.empty() ? fs::path() : home / ".cache" / "huggingface" / "hub";
}

bool is_hf_id(std::string_view text) {
  const auto at = text.find('@');
  return is_repository(text.substr(0, at)) && (at == text.npos || is_revision(text.substr(at + 1)));
}

HfSnapshot find_hf_snapshot(std::string_view id) {
  if (!is_hf_id(id))
    fail(ErrorCode::invalid_request, kWhere,
         fmt::format("\"{}\" is no model name; expected org/name or org/name@revision", printable(id)));
  const auto at = id.find('@');
  const std::string revision(at == id.npos ? "main" : id.substr(at + 1));
  std::string folder = fmt::format("models--{}", id.substr(0, at));
  if (const auto slash = folder.find('/'); slash != folder.npos) folder.replace(slash, 1, "--");

  const auto root = hf_cache_directory();
  const auto repository = root / folder;
  const auto missing = [&](const fs::path& looked) {
    fail(ErrorCode::not_found, kWhere,
         fmt::format("{} is not in the Hugging Face cache; looked for {}; download it with "
                     "\"huggingface-cli download {}\" "
                     "or set HF_HUB_CACHE",
                     id, root.empty() ? "a cache, but there is no home folder" : shown(looked), id.substr(0, at)));
  };
  std::error_code error;
  if (root.empty() || !fs::is_directory(repository, error)) missing(repository);
  const auto commit = commit_of(repository, revision);
  if (commit.empty()) missing(repository / "refs" / revision);
  const auto snapshot = repository / "snapshots" / commit;
  if (!fs::is_directory(snapshot, error)) missing(snapshot);
  check_links(snapshot, repository);
  return {snapshot, commit};
}

}  // namespace corepulse::io
