#include "model/files/folder.h"

#include <algorithm>
#include <cctype>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <map>

#include "base/fail.h"
#include "io/file.h"
#include "io/utf8.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostEntries = 1000;  // of a folder that is looked through

/** What is in a folder, by name. */
std::vector<fs::path> entries(const fs::path& folder) {
  std::vector<fs::path> result;
  std::error_code error;
  for (auto at = fs::directory_iterator(folder, error); !error && at != fs::end(at) && result.size() < kMostEntries;
       at.increment(error))
    result.push_back(at->path());
  std::sort(result.begin(), result.end());
  return result;
}

bool is_variant(const std::string& text) {
  return text.size() <= 32 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c) || c == '_' || c == '-'; });
}

/** A plain file name: nothing that could lead out of its folder. */
bool is_plain_name(const std::string& name) {
  return !name.empty() && name != "." && name != ".." && name.find_first_of("/\\:") == std::string::npos &&
         name.find('\0') == std::string::npos;
}

/** The file or index of one variant ("" = plain), if there is one. */
std::optional<fs::path> find_weights(const fs::path& folder, const std::string& variant) {
  const auto middle = variant.empty() ? "" : "." + variant;
  for (const std::string name : {"diffusion_pytorch_model", "model"})
    for (const auto& file : {name + middle + ".safetensors", name + ".safetensors.index" + middle + ".json",
                             name + ".safetensors" + middle + ".index.json"})  // Diffusers' legacy
      if (io::is_there(folder / file)) return folder / file;
  return {};
}

/** Says what there is instead of weights, and what to do about it. */
[[noreturn]] void fail_without_weights(const fs::path& folder) {
  const auto about = [](const fs::path& path, std::string_view message) {
    return fmt::format("{} {}", io::shown(path), message);
  };
  std::vector<std::string> others;
  std::optional<fs::path> pickle;
  for (const auto& path : entries(folder)) {
    const auto name = path.filename().string();
    if (name.find("pytorch_model") != std::string::npos && name.ends_with(".bin")) pickle = path;
    if (!name.ends_with(".safetensors")) continue;
    if (!io::is_there(path))
      fail(ErrorCode::not_found, "model", about(path, "is a link to nothing; download the model again"));
    if (name.find("-of-0") != std::string::npos)
      fail(
          ErrorCode::not_found, "model",
          about(path,
                "is a piece of weights whose index is missing; expected NAME.safetensors.index.json beside it; copy or "
                "download that too"));
    others.push_back(io::printable(name));
  }
  if (const auto unfinished = unfinished_download(folder))
    fail(ErrorCode::not_found, "model",
         about(*unfinished,
               fmt::format("is a download that did not end, and {} holds no weights; download the model again",
                           folder.string())));
  if (others.empty() && pickle)
    fail(ErrorCode::bad_file, "model",
         about(*pickle,
               "is a pickle, which can run any code; this program reads .safetensors only; convert it with Diffusers: "
               "save_pretrained(..., safe_serialization=True)"));
  const auto found = others.empty() ? std::string()
                                    : fmt::format("; found {}; for NAME.WORD.safetensors give --variant WORD",
                                                  fmt::join(others, ", "));
  fail(ErrorCode::not_found, "model",
       about(folder, "holds no weights; expected diffusion_pytorch_model.safetensors or model.safetensors" + found));
}

void append(StoredWeights& weights, const fs::path& path, io::SafetensorsFile file) {
  for (auto& [name, view] : file.tensors)
    if (!weights.tensors.emplace(name, std::move(view)).second)
      fail(ErrorCode::bad_file, "model",
           fmt::format("{}: tensor {} is in another file of this model too", path.string(), name));
  weights.files.push_back(path);
  weights.mappings.push_back(file.mapping);
}

/** All files that an index names; its names are untrusted. */
StoredWeights read_pieces(const fs::path& index) {
  const auto json = io::read_json(index);
  const auto map = json.is_object() ? json.value("weight_map", io::Json()) : io::Json();
  const auto bad = [&](const std::string& message) {
    fail(ErrorCode::bad_file, "model", fmt::format("{}: {}", index.string(), message));
  };
  if (!map.is_object() || map.empty()) bad("no weight_map; expected tensor names and their files");
  std::map<std::string, std::vector<std::string>> pieces;
  for (const auto& [tensor, value] : map.items()) {
    const auto file = value.is_string() ? value.get<std::string>() : "";
    if (!is_plain_name(file))
      bad(fmt::format("tensor {} is said to be in {:?}; expected a file name without a folder", io::printable(tensor),
                      io::printable(file)));
    pieces[file].push_back(tensor);
  }
  StoredWeights weights;
  for (const auto& [file, tensors] : pieces) {
    const auto path = index.parent_path() / file;
    auto piece = io::open_safetensors(path);
    for (const auto& tensor : tensors)
      if (!piece.tensors.contains(tensor)) bad(fmt::format("tensor {} is not in {}", io::printable(tensor), file));
    append(weights, path, std::move(piece));
  }
  return weights;
}

}  // namespace

ComponentFolder read_component(const fs::path& folder, const std::string& variant) {
  if (!is_variant(variant))
    fail(ErrorCode::invalid_request, "model",
         fmt::format("variant {:?}; expected a word as in diffusion_pytorch_model.fp16.safetensors: fp16",
                     io::printable(variant)));
  ComponentFolder result;
  result.config_file = folder / "config.json";
  result.config = io::read_json(result.config_file);
  auto file = find_weights(folder, variant);
  if (!file && !variant.empty() && (file = find_weights(folder, "")))
    result.note = fmt::format("{} has no {} variant: its plain weights are used", folder.string(), variant);
  for (const auto* other : {"fp16", "bf16", "fp32", "non_ema"})
    if (!file && (file = find_weights(folder, other)))
      result.note = fmt::format("{} has only its {} variant, which is used", folder.string(), other);
  if (!file) fail_without_weights(folder);
  if (file->extension() == ".json") {
    result.weights = read_pieces(*file);
  } else {
    append(result.weights, *file, io::open_safetensors(*file));
  }
  return result;
}

std::optional<fs::path> only_weights_file(const fs::path& folder) {
  std::optional<fs::path> found;
  for (const auto& path : entries(folder)) {
    if (path.extension() != ".safetensors" || !io::is_there(path)) continue;
    if (found) return {};
    found = path;
  }
  return found;
}

std::optional<fs::path> unfinished_download(const fs::path& folder) {
  const fs::path local = fs::path(".cache") / "huggingface" / "download";  // of downloads into a folder
  std::vector<fs::path> places{folder, folder / local, folder.parent_path() / local / folder.filename()};
  // In the hub's cache a snapshot's files are links to blobs, which have their names once they are whole.
  for (auto above = folder; above.has_relative_path(); above = above.parent_path())
    if (above.filename() == "snapshots") places.push_back(above.parent_path() / "blobs");
  for (const auto& place : places)
    for (const auto& path : entries(place))
      if (path.extension() == ".incomplete") return path;
  return {};
}

std::string component_class(const io::Json& index, const char* component) {
  const auto entry = index.is_object() ? index.value(component, io::Json()) : io::Json();
  const bool named = entry.is_array() && entry.size() == 2 && entry[1].is_string();
  return named ? entry[1].get<std::string>() : "";
}

}  // namespace corepulse::model
