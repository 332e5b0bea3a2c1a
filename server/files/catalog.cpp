#include "files/catalog.h"

#include <algorithm>
#include <chrono>
#include <fmt/format.h>
#include <system_error>

#include "corepulse/adapter.h"
#include "corepulse/embedding_list.h"
#include "corepulse/error.h"
#include "corepulse/host/model_list.h"
#include "corepulse/model.h"

#include "http/message.h"

namespace corepulse::server {
namespace {

namespace fs = std::filesystem;

constexpr double kFresh = 2;  // seconds
constexpr const char* kEnding = ".safetensors";

double seconds_now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/** Changes when the file, or a folder's list of parts, is written to. */
std::string state_of(const fs::path& path) {
  std::error_code ignored;
  const auto file = fs::is_directory(path, ignored) ? path / "model_index.json" : path;
  const auto time = fs::last_write_time(file, ignored).time_since_epoch().count();
  return fmt::format("{} {}", fs::file_size(file, ignored), time);
}

CatalogEntry model_entry(const std::string& path) {
  // An org/name and the built-in model are no paths; files and folders are called by their last part.
  const bool file = fs::path(path).is_absolute();
  CatalogEntry entry{.name = file ? fs::path(path).filename().string() : path, .path = path};
  entry.title = entry.name;
  try {
    const auto info = inspect_model({.model = path});
    entry.family = name(info.family), entry.bytes = info.bytes;
    entry.width = info.width, entry.height = info.height;
    if (!info.known_as.empty()) entry.title += " (" + info.known_as + ")";
  } catch (const Error& error) {
    entry.error = error.what();
  }
  return entry;
}

std::optional<CatalogEntry> adapter_entry(const fs::path& file) {
  if (file.extension() != kEnding) return std::nullopt;
  try {
    const auto info = inspect_adapter(file.string());
    if (!info) return std::nullopt;
    return CatalogEntry{.name = file.stem().string(),
                        .path = file.string(),
                        .title = info->format,
                        .family = info->family,
                        .bytes = info->bytes};
  } catch (const Error&) {
    return std::nullopt;  // what cannot be read is no adapter; as a model it has an error
  }
}

std::optional<CatalogEntry> side_entry(const fs::path& file) {
  if (file.extension() != kEnding) return std::nullopt;
  try {
    const auto info = inspect_side_network(file.string());
    if (!info) return std::nullopt;
    return CatalogEntry{.name = file.filename().string(),
                        .path = file.string(),
                        .title = info->what,
                        .family = info->family,
                        .bytes = info->bytes};
  } catch (const Error&) {
    return std::nullopt;  // as a model it has the error
  }
}

std::optional<CatalogEntry> picture_adapter_entry(const fs::path& file) {
  if (file.extension() != kEnding) return std::nullopt;
  CatalogEntry entry{.name = file.filename().string(), .path = file.string(), .title = "IP-Adapter"};
  try {
    const auto info = inspect_picture_adapter(file.string());
    if (!info) return std::nullopt;
    entry.title = info->what, entry.family = info->family, entry.bytes = info->bytes, entry.faces = info->faces;
  } catch (const Error& error) {
    if (error.code() != ErrorCode::unsupported_model) return std::nullopt;  // as a model it has the error
    entry.error = error.what();
  }
  return entry;
}

/** With a number where the name is taken. */
void add(std::vector<CatalogEntry>& all, CatalogEntry entry) {
  const auto plain = entry.name;
  const auto taken = [&](const auto& other) { return other.name == entry.name; };
  for (int i = 2; std::any_of(all.begin(), all.end(), taken); ++i) entry.name = fmt::format("{}-{}", plain, i);
  all.push_back(std::move(entry));
}

std::string checked_folder(const std::string& folder) {
  std::error_code error;
  if (!folder.empty() && !fs::is_directory(folder, error))
    throw Error(ErrorCode::not_found, fmt::format("[serve] {} is no folder", folder));
  if (folder.empty()) return "";
  // Compared with the folders of the files in it: without the slash that a shell's completion puts behind it.
  const auto plain = fs::absolute(folder).lexically_normal();
  return (plain.has_filename() ? plain : plain.parent_path()).string();
}

}  // namespace

Catalog::Catalog(CatalogOptions options) : options_(std::move(options)) {
  for (auto& folder : options_.models) folder = checked_folder(folder);
  options_.loras = checked_folder(options_.loras);
  options_.embeddings = checked_folder(options_.embeddings);
}

const Catalog::Known& Catalog::known(const std::string& path) {
  auto state = state_of(path);
  auto& known = known_[path];
  if (!known.state.empty() && known.state == state) return known;
  if (auto lora = adapter_entry(path)) return known = {std::move(state), Kind::lora, *std::move(lora)};
  if (auto pictures = picture_adapter_entry(path))
    return known = {std::move(state), Kind::adapter, *std::move(pictures)};
  if (auto side = side_entry(path)) return known = {std::move(state), Kind::controlnet, *std::move(side)};
  return known = {std::move(state), Kind::model, model_entry(path)};
}

std::vector<CatalogEntry>& Catalog::list_of(Kind kind) {
  switch (kind) {
    case Kind::lora:
      return loras_;
    case Kind::controlnet:
      return controlnets_;
    case Kind::adapter:
      return adapters_;
    default:
      return models_;
  }
}

void Catalog::look() {
  if (looked_ > 0 && seconds_now() - looked_ < kFresh) return;
  models_.clear(), loras_.clear(), controlnets_.clear(), adapters_.clear(), embeddings_.clear();
  auto paths = list_models(options_.models);
  if (!options_.loras.empty()) {
    std::error_code ignored;
    std::vector<std::string> files;
    for (fs::directory_iterator at(options_.loras, ignored), end; at != end; at.increment(ignored))
      if (at->path().extension() == kEnding) files.push_back(at->path().string());
    std::sort(files.begin(), files.end());
    for (auto& file : files)
      if (std::find(paths.begin(), paths.end(), file) == paths.end()) paths.push_back(std::move(file));
  }
  for (const auto& path : paths) {
    if (!is_utf8(path)) continue;
    const auto& [state, kind, entry] = known(path);
    if (kind != Kind::model || fs::path(path).parent_path() != options_.loras || entry.error.empty())
      add(list_of(kind), entry);
  }
  if (!options_.embeddings.empty())
    for (const auto& word : list_embeddings(options_.embeddings))
      embeddings_.push_back(
          {.name = word.name, .path = word.file, .title = word.name, .family = word.family, .error = word.error});
  looked_ = seconds_now();
}

std::vector<CatalogEntry> Catalog::models() {
  const std::lock_guard lock(mutex_);
  look();
  return models_;
}

std::vector<CatalogEntry> Catalog::loras() {
  const std::lock_guard lock(mutex_);
  look();
  return loras_;
}

std::vector<CatalogEntry> Catalog::controlnets() {
  const std::lock_guard lock(mutex_);
  look();
  return controlnets_;
}

std::vector<CatalogEntry> Catalog::adapters() {
  const std::lock_guard lock(mutex_);
  look();
  return adapters_;
}

std::vector<CatalogEntry> Catalog::embeddings() {
  const std::lock_guard lock(mutex_);
  look();
  return embeddings_;
}

std::optional<std::string> Catalog::path_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  look();
  for (const auto* list : {&models_, &loras_, &controlnets_, &adapters_})
    for (const auto& entry : *list)
      if (entry.name == name || (list == &loras_ && entry.name + kEnding == name) ||
          ((list == &controlnets_ || list == &adapters_) && entry.name == name + kEnding))
        return entry.path;
  return std::nullopt;
}

std::optional<std::string> Catalog::name_of(const std::string& path) {
  const std::lock_guard lock(mutex_);
  look();
  for (const auto* list : {&models_, &loras_, &controlnets_, &adapters_})
    for (const auto& entry : *list)
      if (entry.path == path) return entry.name;
  return std::nullopt;
}

std::vector<std::string> Catalog::names() {
  const std::lock_guard lock(mutex_);
  look();
  std::vector<std::string> names;
  for (const auto* list : {&models_, &loras_, &controlnets_, &adapters_})
    for (const auto& entry : *list) names.push_back(entry.name);
  return names;
}

}  // namespace corepulse::server
