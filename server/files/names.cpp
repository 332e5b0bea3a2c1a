#include "files/names.h"

#include <algorithm>
#include <filesystem>
#include <fmt/format.h>

#include "corepulse/host/model_list.h"
#include "corepulse/host/recipe_files.h"
#include "corepulse/nearest_name.h"

#include "http/problem.h"

namespace corepulse::server {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kUpload = "upload:", kPicture = "picture:";
constexpr const char* kWords = "embeddings";

[[noreturn]] void forbid(const std::string& name, const std::vector<std::string>& known) {
  const auto near = nearest_name(name, known);
  throw Problem(
      403, "forbidden_path",
      fmt::format("[file] \"{}\" is no name that this server knows; expected upload:ID, picture:NAME, or a name "
                  "of GET /v1/models{}",
                  name.substr(0, 80), near.empty() ? "" : fmt::format("; did you mean {}?", near)));
}

/** What stands in a file's name of a model's parts, and nothing else. */
bool is_word(const std::string& text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

void replace_all(std::string& text, const std::string& what, const std::string& with) {
  if (what.empty()) return;
  for (size_t at = 0; (at = text.find(what, at)) != text.npos; at += with.size()) text.replace(at, what.size(), with);
}

}  // namespace

std::string Names::path_of(const std::string& name) {
  if (name.starts_with(kUpload)) {
    const auto id = name.substr(kUpload.size());
    if (!is_name(id) || !store_.upload(id)) throw missing(fmt::format("[file] there is no {}", name.substr(0, 80)));
    return folder_.upload(id).string();
  }
  if (name.starts_with(kPicture)) {
    const auto picture = name.substr(kPicture.size());
    if (!is_name(picture) || !store_.has_picture(picture))
      throw missing(fmt::format("[file] there is no {}", name.substr(0, 80)));
    return folder_.picture(picture).string();
  }
  if (name == kWords && !catalog_.options().embeddings.empty()) return catalog_.options().embeddings;
  if (auto path = catalog_.path_of(name)) return *path;
  forbid(name, catalog_.names());
}

Recipe Names::opened(Recipe recipe) {
  if (!is_word(recipe.variant)) forbid(recipe.variant, {});
  // Names of LoRAs are looked up here; those in tags of the prompt by the library, in this folder and nowhere else.
  recipe.loras.clear();
  if (recipe.model.empty()) recipe.model = catalog_.options().model;
  recipe = with_file_names(std::move(recipe), [this](const std::string& name) { return path_of(name); });
  recipe.loras = catalog_.options().loras;
  for (const auto& tag : tagged_files(recipe)) {
    const auto path = catalog_.path_of(tag);
    if (!path || fs::path(*path).parent_path() != recipe.loras) forbid(tag, catalog_.names());
  }
  return recipe;
}

std::vector<Control> Names::opened(std::vector<Control> controls) {
  Recipe recipe;
  recipe.controls = std::move(controls);
  return with_file_names(std::move(recipe), [this](const std::string& name) { return path_of(name); }).controls;
}

std::string Names::name_of(const std::string& path) {
  const fs::path file(path);
  const auto folder = file.parent_path();
  if (folder == folder_.upload("x").parent_path()) return std::string(kUpload) + file.filename().string();
  if (folder == folder_.picture("x").parent_path()) return std::string(kPicture) + file.stem().string();
  if (path == catalog_.options().embeddings) return kWords;
  if (auto name = catalog_.name_of(path)) return *name;
  return file.is_absolute() ? file.filename().string() : path;
}

Recipe Names::shown(Recipe recipe) {
  recipe.loras.clear();
  return with_file_names(std::move(recipe), [this](const std::string& path) { return name_of(path); });
}

std::string Names::shown(std::string message) {
  replace_all(message, folder_.upload("x").parent_path().string() + "/", std::string(kUpload));
  replace_all(message, folder_.picture("x").parent_path().string() + "/", std::string(kPicture));
  auto folders = catalog_.options().models;
  folders.push_back(catalog_.options().loras);
  folders.push_back(catalog_.options().embeddings);
  folders.push_back(folder_.root().string());
  folders.push_back(hub_folder());
  for (const auto& folder : folders)
    if (!folder.empty()) replace_all(message, folder.ends_with('/') ? folder : folder + "/", "");
  return message;
}

}  // namespace corepulse::server
