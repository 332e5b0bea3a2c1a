#include "corepulse/host/model_list.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "base/fail.h"
#include "io/hf_cache.h"
#include "io/utf8.h"

namespace corepulse {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> sorted_entries(const fs::path& folder) {
  std::error_code ignored;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(folder, ignored), end; at != end; at.increment(ignored)) found.push_back(at->path());
  std::sort(found.begin(), found.end());
  return found;
}

/** "models--org--name" -> "org/name", for whole pipelines only; else "". */
std::string cached_name(const fs::path& folder) {
  const std::string prefix = "models--", name = folder.filename().string();
  const auto middle = name.find("--", prefix.size());
  if (name.rfind(prefix, 0) != 0 || middle == std::string::npos) return "";
  std::error_code ignored;
  for (const auto& snapshot : sorted_entries(folder / "snapshots"))
    if (fs::exists(snapshot / "model_index.json", ignored))
      return name.substr(prefix.size(), middle - prefix.size()) + "/" + name.substr(middle + 2);
  return "";
}

}  // namespace

std::string hub_folder() {
  return io::hf_cache_directory().string();
}

std::vector<std::string> list_models(const std::vector<std::string>& folders) {
  std::vector<std::string> names{"builtin"};
  for (const auto& folder : sorted_entries(io::hf_cache_directory()))
    if (const auto name = cached_name(folder); !name.empty()) names.push_back(name);
  std::error_code ignored;
  for (const auto& folder : folders) {
    if (!fs::is_directory(folder, ignored))
      fail(ErrorCode::not_found, "models", fmt::format("{} is no folder", io::printable(folder, 300)));
    for (const auto& entry : sorted_entries(folder))
      if (entry.extension() == ".safetensors" || fs::exists(entry / "model_index.json", ignored))
        names.push_back(entry.string());
  }
  return names;
}

}  // namespace corepulse
