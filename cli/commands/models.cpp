// corepulse models: the models this machine has.

#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "corepulse/adapter.h"
#include "corepulse/embedding_list.h"
#include "corepulse/error.h"
#include "corepulse/host/model_list.h"
#include "corepulse/model.h"

#include "commands/commands.h"

namespace corepulse::cli {

namespace {

const char* const kModelsExamples = R"(Examples:
  corepulse models                   the built-in model and those in the Hugging Face cache
  corepulse models ~/models          also files and folders there, and LoRAs
  corepulse models --embeddings ~/embeddings
                                     words for prompts (textual inversion) instead

The first column is what -m takes. Nothing is ever downloaded.)";

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
    for (const auto& model : list_models(*folders)) rows.push_back(describe(model));
    if (global.json) return print_json(nlohmann::json{{"models", rows}});
    for (const auto& row : rows) print_row(row);
  });
}

}  // namespace corepulse::cli
