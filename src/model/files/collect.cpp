#include "model/files/collect.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/hf_cache.h"
#include "io/tensors/ldm_names.h"
#include "io/utf8.h"
#include "model/files/folder.h"
#include "model/files/foreign.h"
#include "model/files/scales.h"
#include "model/files/shipped.h"

namespace corepulse::model {
namespace {

namespace fs = std::filesystem;

constexpr Part kParts[] = {Part::unet, Part::vae, Part::text_encoder, Part::text_encoder_2};

bool is_folder(const fs::path& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}

const std::string& override_of(const ModelSource& source, Part part) {
  switch (part) {
    case Part::unet:
      return source.unet;
    case Part::vae:
      return source.vae;
    case Part::text_encoder:
      return source.text_encoder;
    case Part::text_encoder_2:
      break;
  }
  return source.text_encoder_2;
}

/** A file or folder, or the snapshot of an org/name in the Hugging Face cache; nullopt if it is neither. */
std::optional<fs::path> find_path(const std::string& given) {
  if (io::is_there(given)) return given;
  const bool id = io::is_hf_id(given) && given.find('/') != std::string::npos && !given.ends_with(".safetensors");
  return id ? std::optional(io::find_hf_snapshot(given).folder) : std::nullopt;
}

/** A repository often is one single file, and no Diffusers folder. */
fs::path file_or_folder(const fs::path& path) {
  if (!is_folder(path) || io::is_there(path / "model_index.json") || io::is_there(path / "config.json")) return path;
  return only_weights_file(path).value_or(path);
}

/** Path and name of ModelSource::model. */
void locate(const std::string& model, Collection& result) {
  result.name = model;
  result.builtin = model == "builtin";
  const auto path = result.builtin ? builtin_folder() : find_path(model);
  if (!path)
    fail(
        ErrorCode::not_found, "model",
        fmt::format("there is no {:?}; expected \"builtin\", a Diffusers folder, a .safetensors file, or org/name of a "
                    "model that Hugging Face's tools have downloaded",
                    io::printable(model, 300)));
  result.path = file_or_folder(*path);
  result.is_folder = is_folder(result.path);
  std::error_code error;
  if (io::is_there(model) && !result.builtin) result.name = fs::canonical(model, error).filename().string();
}

std::optional<ConfigFile> read_config(const fs::path& file) {
  if (!io::is_there(file)) return {};
  return ConfigFile{io::read_json(file), file.string()};
}

io::Naming folder_naming(Part part) {
  const bool text = part == Part::text_encoder || part == Part::text_encoder_2;
  return text ? io::Naming::clip : io::Naming::diffusers;
}

Network read_network_folder(const fs::path& folder, Part part, const std::string& variant,
                            std::vector<std::string>& notes) {
  auto component = read_component(folder, variant);
  if (component.note) notes.push_back(*component.note);
  auto& tensors = component.weights.tensors;
  for (const auto& mapping : component.weights.mappings) mapping->check_unchanged();
  tensors = take_scales(tensors, component.weights.files.front());
  std::erase_if(tensors, [](const auto& entry) { return is_ignored(entry.first); });
  if (folder_naming(part) == io::Naming::clip)
    if (const auto extras = std::erase_if(tensors, [](const auto& entry) { return is_text_extra(entry.first); }))
      notes.push_back(note_text_extras(folder, extras));
  return {{io::to_diffusers(folder_naming(part), component.weights.tensors)},
          ConfigFile{std::move(component.config), component.config_file.string()},
          std::move(component.weights.files),
          std::move(component.weights.mappings)};
}

void append(std::vector<std::string>& notes, const std::vector<std::string>& more) {
  notes.insert(notes.end(), more.begin(), more.end());
}

/** What a file says about the training of the UNet in it. */
void take_markers(const Checkpoint& checkpoint, Collection& result) {
  result.markers = checkpoint.markers;
  append(result.notes, checkpoint.markers.notes);
}

/** A network given by itself: a folder, a file with nothing else in it, or a whole checkpoint that holds it. */
Network read_override(const std::string& given, Part part, const std::string& variant, Collection& result) {
  const auto found_path = find_path(given);
  if (!found_path)
    fail(ErrorCode::not_found, "model",
         fmt::format("{} {}: there is no such file or folder", option(part), io::printable(given, 300)));
  const auto& path = is_folder(*found_path / name(part)) ? *found_path : file_or_folder(*found_path);
  if (is_folder(path / name(part))) return read_network_folder(path / name(part), part, variant, result.notes);
  if (is_folder(path)) return read_network_folder(path, part, variant, result.notes);
  const auto file = io::open_safetensors(path);
  auto checkpoint = take_apart(file, path);
  auto found = checkpoint.parts.find(part);
  // A text encoder alone in its file does not say which of SDXL's two it is.
  if (found == checkpoint.parts.end() && part == Part::text_encoder_2)
    found = checkpoint.parts.find(Part::text_encoder);
  if (found == checkpoint.parts.end())
    fail(ErrorCode::unsupported_model, "model", fmt::format("{} holds no {}", path.string(), name(part)));
  if (part == Part::unet) take_markers(checkpoint, result);
  append(result.notes, checkpoint.notes);
  return {std::move(found->second), {}, {path}, {file.mapping}};
}

[[noreturn]] void fail_without_index(const fs::path& folder) {
  std::string remedy;
  if (const auto unfinished = unfinished_download(folder))
    remedy = fmt::format("; {} is a download that did not end: download the model again", unfinished->string());
  else if (io::is_there(folder / "config.json"))
    remedy = "; one network alone is given as --unet, --vae, ...";
  fail(ErrorCode::not_found, "model",
       fmt::format("{} has no model_index.json; expected a Diffusers folder of a whole model, or a folder with one "
                   ".safetensors file in it{}",
                   folder.string(), remedy));
}

void collect_folder(const ModelSource& source, Collection& result) {
  const auto& folder = result.path;
  if (!io::is_there(folder / "model_index.json")) fail_without_index(folder);
  const auto index = io::read_json(folder / "model_index.json");
  const auto where = (folder / "model_index.json").string();
  if (!index.is_object()) fail(ErrorCode::bad_file, "model", where + " holds no JSON object");
  const auto pipeline = index.value("_class_name", io::Json());
  if (pipeline.is_string()) refuse_foreign_pipeline(pipeline.get<std::string>(), folder);
  if (component_class(index, "unet").empty() && source.unet.empty())
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("{} is a {} without a UNet; expected Stable Diffusion 1, 2 or XL", folder.string(),
                     pipeline.is_string() ? io::printable(pipeline.get<std::string>()) : "model"));
  for (const auto part : kParts) {
    const auto type = component_class(index, name(part));
    if (type.empty() || !override_of(source, part).empty()) continue;
    const bool text = part == Part::text_encoder || part == Part::text_encoder_2;
    if (text && type != "CLIPTextModel" && type != "CLIPTextModelWithProjection")
      fail(ErrorCode::unsupported_model, "model",
           fmt::format("{}: {} is a {}; expected a CLIPTextModel", where, name(part), io::printable(type)));
    result.networks[part] = read_network_folder(folder / name(part), part, source.variant, result.notes);
  }
  result.scheduler = read_config(folder / "scheduler" / "scheduler_config.json");
  // Diffusers makes the class that the index names, from the config of whatever class.
  if (const auto type = component_class(index, "scheduler");
      result.scheduler && result.scheduler->json.is_object() && !type.empty())
    result.scheduler->json["_class_name"] = type;
  for (const auto& [part, tokenizer] :
       {std::pair{Part::text_encoder, "tokenizer"}, std::pair{Part::text_encoder_2, "tokenizer_2"}})
    if (io::is_there(folder / tokenizer)) result.tokenizers[part] = folder / tokenizer;
  const auto zeros = index.value("force_zeros_for_empty_prompt", io::Json());
  if (zeros.is_boolean()) result.zeros_for_empty_prompt = zeros.get<bool>();
}

void collect_file(const ModelSource& source, Collection& result) {
  const auto file = io::open_safetensors(result.path);
  auto checkpoint = take_apart(file, result.path);
  if (checkpoint.parts.empty() || !checkpoint.unknown.empty()) {
    const size_t total = checkpoint.unknown.size();
    checkpoint.unknown.resize(std::min<size_t>(total, 5));
    fail(ErrorCode::unsupported_model, "model",
         fmt::format("{}: {} tensor(s) belong to no network of Stable Diffusion: {}{}", result.path.string(), total,
                     fmt::join(checkpoint.unknown, ", "), total > 5 ? ", ..." : ""));
  }
  for (auto& [part, stored] : checkpoint.parts)
    if (override_of(source, part).empty())
      result.networks[part] = {std::move(stored), {}, {result.path}, {file.mapping}};
  if (source.unet.empty()) take_markers(checkpoint, result);
  append(result.notes, checkpoint.notes);
}

/** ModelSource::config: for what came without. */
void add_configs(const fs::path& folder, Collection& result) {
  if (!is_folder(folder))
    fail(ErrorCode::not_found, "model", fmt::format("--config {}: there is no such folder", folder.string()));
  for (auto& [part, network] : result.networks)
    if (!network.config) network.config = read_config(folder / name(part) / "config.json");
  if (!result.scheduler) result.scheduler = read_config(folder / "scheduler" / "scheduler_config.json");
  for (const auto& [part, tokenizer] :
       {std::pair{Part::text_encoder, "tokenizer"}, std::pair{Part::text_encoder_2, "tokenizer_2"}})
    if (!result.tokenizers.contains(part) && io::is_there(folder / tokenizer))
      result.tokenizers[part] = folder / tokenizer;
}

}  // namespace

Collection collect(const ModelSource& source) {
  Collection result;
  locate(source.model, result);
  result.is_folder ? collect_folder(source, result) : collect_file(source, result);
  for (const auto part : kParts)
    if (const auto& path = override_of(source, part); !path.empty())
      result.networks[part] = read_override(path, part, source.variant, result);
  if (!source.config.empty()) add_configs(source.config, result);
  if (result.is_folder && !result.scheduler)
    result.notes.push_back(
        fmt::format("{} has no scheduler/scheduler_config.json: the noise schedule of its family is "
                    "used",
                    result.path.string()));
  if (!source.tokenizer.empty()) result.tokenizers[Part::text_encoder] = source.tokenizer;
  return result;
}

}  // namespace corepulse::model
