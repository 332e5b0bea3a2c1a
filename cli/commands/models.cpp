// corepulse models: the models this machine has.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "corepulse/adapter.h"
#include "corepulse/embedding_list.h"
#include "corepulse/error.h"
#include "corepulse/model.h"

#include "commands/commands.h"

namespace corepulse::cli {

namespace {

namespace fs = std::filesystem;

const char* const kModelsExamples = R"(Examples:
  corepulse models                   the built-in model and those in the Hugging Face cache
  corepulse models ~/models          also files and folders there, and LoRAs
  corepulse models --embeddings ~/embeddings
                                     words for prompts (textual inversion) instead

The first column is what -m takes. Nothing is ever downloaded.)";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

/** Where Hugging Face's tools keep what they downloaded; they ask these variables in this order. */
fs::path hub_cache() {
  for (const char* name : {"HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"})
    if (const auto folder = environment(name); !folder.empty()) return folder;
  if (const auto home = environment("HF_HOME"); !home.empty()) return fs::path(home) / "hub";
  if (const auto cache = environment("XDG_CACHE_HOME"); !cache.empty()) return fs::path(cache) / "huggingface" / "hub";
  return fs::path(environment("HOME")) / ".cache" / "huggingface" / "hub";
}

std::vector<fs::path> entries(const fs::path& folder) {
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
  for (const auto& snapshot : entries(folder / "snapshots"))
    if (fs::exists(snapshot / "model_index.json", ignored))
      return name.substr(prefix.size(), middle - prefix.size()) + "/" + name.substr(middle + 2);
  return "";
}

std::vector<std::string> find_models(const std::vector<std::string>& folders) {
  std::vector<std::string> names{"builtin"};
  for (const auto& folder : entries(hub_cache()))
    if (const auto name = cached_name(folder); !name.empty()) names.push_back(name);
  std::error_code ignored;
  for (const auto& folder : folders) {
    if (!fs::is_directory(folder, ignored))
      throw Error(ErrorCode::not_found, fmt::format("[models] {} is no folder", folder));
    for (const auto& entry : entries(folder))
      if (entry.extension() == ".safetensors" || fs::exists(entry / "model_index.json", ignored))
        names.push_back(entry.string());
  }
  return names;
}

nlohmann::json describe_words(const std::string& folder) {
  auto rows = nlohmann::json::array();
  for (const auto& word : list_embeddings(folder)) {
    rows.push_back({{"word", word.name}, {"file", word.file}});
    if (word.error.empty())
      rows.back().update({{"vectors", word.vectors}, {"widths", word.widths}, {"family", word.family}});
    else
      rows.back()["error"] = word.error;
  }
  return rows;
}

void print_word(const nlohmann::json& row) {
  const auto word = row["word"].get<std::string>();
  if (row.contains("error")) return fmt::print("{:<40} cannot be used: {}\n", word, row["error"].get<std::string>());
  const int vectors = row["vectors"];
  fmt::print("{:<40} {:<6} {} vector{}\n", word, row["family"].get<std::string>(), vectors, vectors == 1 ? "" : "s");
}

nlohmann::json describe(const std::string& model) {
  nlohmann::json row = {{"model", model}};
  try {
    if (model.ends_with(".safetensors"))
      if (const auto adapter = inspect_adapter(model)) {
        row.update({{"adapter", adapter->format}, {"family", adapter->family}, {"bytes", adapter->bytes}});
        return row;
      }
    const auto info = inspect_model({.model = model});
    row.update({{"family", name(info.family)},
                {"parameters", info.parameters},
                {"bytes", info.bytes},
                {"width", info.width},
                {"height", info.height},
                {"inpaint", info.inpaint},
                {"pix2pix", info.pix2pix}});
  } catch (const Error& error) {
    row["error"] = {{"code", name(error.code())}, {"message", error.what()}};
  }
  return row;
}

void print_row(const nlohmann::json& row) {
  const auto model = row["model"].get<std::string>();
  if (row.contains("error")) {
    fmt::print("{:<40} cannot be used: {}\n", model, row["error"]["message"].get<std::string>());
    return;
  }
  if (row.contains("adapter")) {
    const auto family = row["family"].get<std::string>();
    fmt::print("{:<40} {}{} {:.1f} MB: for --lora\n", model, row["adapter"].get<std::string>(),
               family.empty() ? "" : ", " + family + ",", row["bytes"].get<double>() / 1e6);
    return;
  }
  fmt::print("{:<40} {:<6} {:>7.1f} M parameters {:>7.2f} GB  {} x {}{}\n", model, row["family"].get<std::string>(),
             row["parameters"].get<double>() / 1e6, row["bytes"].get<double>() / 1e9, row["width"].get<int>(),
             row["height"].get<int>(),
             row["inpaint"].get<bool>()   ? "  inpaint"
             : row["pix2pix"].get<bool>() ? "  instruct-pix2pix"
                                          : "");
}

}  // namespace

void add_models(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("models", "List the models this machine has");
  command->footer(kModelsExamples);
  auto folders = std::make_shared<std::vector<std::string>>();
  command->add_option("folders", *folders, "Folders to look into");
  auto words = std::make_shared<std::string>();
  command->add_option("--embeddings", *words, "List the words that the files of this folder define instead");
  add_json_flag(*command, global);
  command->callback([folders, words, &global] {
    nlohmann::json rows = nlohmann::json::array();
    if (!words->empty()) {
      rows = describe_words(*words);
      if (global.json) return print_json(nlohmann::json{{"embeddings", rows}});
      for (const auto& row : rows) print_word(row);
      return;
    }
    for (const auto& model : find_models(*folders)) rows.push_back(describe(model));
    if (global.json) return print_json(nlohmann::json{{"models", rows}});
    for (const auto& row : rows) print_row(row);
  });
}

}  // namespace corepulse::cli
