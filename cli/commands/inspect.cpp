// corepulse inspect: what is in a model, or in a picture file.

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "corepulse/adapter.h"
#include "corepulse/error.h"
#include "corepulse/image.h"
#include "corepulse/model.h"
#include "corepulse/picture_recipe.h"

#include "commands/commands.h"
#include "definitions.h"
#include "output.h"

namespace corepulse::cli {

namespace {

const char* const kInspectExamples = R"(Examples:
  corepulse inspect                      the built-in model: its blocks are what controls select
  corepulse inspect sd15.safetensors
  corepulse inspect ./my-diffusers-folder --json
  corepulse inspect dragon.png           the prompt and the recipe inside a picture
  corepulse inspect style.safetensors    a LoRA: its format, rank and family
  corepulse inspect canny.safetensors    a ControlNet or its kin: its family; an IP-Adapter, too

Reads headers only, no weights (--fingerprint does): milliseconds, whatever the model's size. The built-in model's files
are compared with their checksums.)";

/** Told from the first bytes: p.jfif and a picture without an extension are pictures too. */
bool holds_picture(const std::string& file) {
  char bytes[12] = {};
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(file, ignored)) return false;
  std::ifstream(file, std::ios::binary).read(bytes, sizeof bytes);
  const std::string_view text(bytes, sizeof bytes);
  return text.starts_with("\x89PNG\r\n") || text.starts_with("\xff\xd8\xff") ||
         (text.starts_with("RIFF") && text.substr(8) == "WEBP");
}

/** What another program's text comes to as a recipe, if it is one of those that can be read. */
std::optional<PictureRecipe> foreign_recipe(const ImageText& text) {
  if (text.count("corepulse")) return {};
  try {
    return recipe_of_picture(text);
  } catch (const Error&) {
    return {};
  }
}

void inspect_picture(const std::string& file, bool json) {
  const auto text = load_image_text(file);
  const auto foreign = foreign_recipe(text);
  if (!json) {
    std::printf("%s\n", file.c_str());
    for (const auto& [key, value] : text) std::printf("\n%s:\n%s\n", key.c_str(), value.c_str());
    if (text.empty()) std::puts("holds no text");
    if (!foreign) return;
    std::printf("\nas a recipe, of %s:\n%s\n", foreign->program.c_str(), to_json(foreign->recipe).c_str());
    for (const auto& line : foreign->notes) std::printf("note: %s\n", line.c_str());
    return;
  }
  nlohmann::json result = {{"picture", file}, {"text", text}};
  if (const auto recipe = text.find("corepulse"); recipe != text.end())
    result["recipe"] = nlohmann::json::parse(recipe->second, nullptr, /*allow_exceptions=*/false);
  if (foreign) {
    result["recipe"] = nlohmann::json::parse(to_json(foreign->recipe));
    result["program"] = foreign->program;
    result["notes"] = foreign->notes;
  }
  print_json(result);
}

/** A file of added weights. */
std::optional<AdapterSummary> adapter_in(const std::string& file) {
  std::error_code ignored;
  const bool one_file = file.ends_with(".safetensors") && std::filesystem::is_regular_file(file, ignored);
  return one_file ? inspect_adapter(file) : std::nullopt;
}

/** A side network's file or folder. */
std::optional<SideNetworkSummary> side_network_in(const std::string& path) {
  std::error_code ignored;
  const bool there = path.ends_with(".safetensors") ? std::filesystem::is_regular_file(path, ignored)
                                                    : std::filesystem::is_directory(path, ignored);
  return there ? inspect_side_network(path) : std::nullopt;
}

/** An IP-Adapter's file. */
std::optional<PictureAdapterSummary> picture_adapter_in(const std::string& file) {
  std::error_code ignored;
  const bool one_file = file.ends_with(".safetensors") && std::filesystem::is_regular_file(file, ignored);
  return one_file ? inspect_picture_adapter(file) : std::nullopt;
}

/** Whether the file is one that is added to a model: it is shown then. */
bool show_addition(const std::string& path, bool json) {
  const auto show = [json](const auto& summary) {
    std::printf("%s\n", (json ? to_json(summary) : to_text(summary)).c_str());
    return true;
  };
  if (const auto adapter = adapter_in(path)) return show(*adapter);
  if (const auto pictures = picture_adapter_in(path)) return show(*pictures);
  const auto side = side_network_in(path);
  return side && show(*side);
}

void list_layers(const std::vector<LayerInfo>& layers, bool json) {
  nlohmann::json list = nlohmann::json::array();
  for (const auto& layer : layers) {
    const char* what = layer.convolution ? "convolution" : "linear";
    if (json)
      list.push_back({{"path", layer.path},
                      {"block", layer.block},
                      {"ldm", layer.ldm},
                      {"what", what},
                      {"in", layer.in},
                      {"out", layer.out}});
    else
      std::printf("%-10s %-15s %-11s %5d -> %-5d %s\n", layer.block.c_str(), layer.ldm.c_str(), what, layer.in,
                  layer.out, layer.path.c_str());
  }
  if (json) print_json(list);
}

/** @param source must live as long as the command. */
void add_parts(CLI::App& command, ModelSource& source) {
  command.add_option("--unet", source.unet, "The UNet from elsewhere");
  command.add_option("--vae", source.vae, "The VAE from elsewhere");
  command.add_option("--text-encoder", source.text_encoder, "The (first) text encoder from elsewhere");
  command.add_option("--text-encoder-2", source.text_encoder_2, "SDXL's second text encoder from elsewhere");
  command.add_option("--tokenizer", source.tokenizer, "A folder with vocab.json and merges.txt");
  command.add_option("--config", source.config, "A Diffusers folder whose config.json files are used");
  offer(command.add_option("--family", source.family, "sd1, sd2, sdxl, sdxl_refiner [detected]"),
        {"sd1", "sd2", "sdxl", "sdxl_refiner"});
  offer(command.add_option("--prediction", source.prediction, "epsilon, v, sample [as the model says]"),
        {"epsilon", "v", "sample"});
  command.add_option("--variant", source.variant, "Prefer files of this variant, e.g. fp16");
}

}  // namespace

void add_inspect(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("inspect", "Show what is in a model or a picture");
  command->footer(kInspectExamples);
  auto source = std::make_shared<ModelSource>();
  auto* what = command->add_option(
      "what", source->model,
      "builtin, a folder, a .safetensors file, org/name, a LoRA, a ControlNet, or a picture [builtin]");
  offer(what, {"builtin"}, /*only=*/false);
  add_parts(*command, *source);
  auto fingerprint = std::make_shared<bool>(false);
  command->add_flag("--fingerprint", *fingerprint, "Show what recipes know the model by: reads all weights, once");
  auto layers = std::make_shared<std::string>();
  command->add_option("--layers", *layers,
                      "List the linear layers and convolutions at these places, e.g. all, middle:0, ldm:output_5");
  add_json_flag(*command, global);
  command->callback([source, fingerprint, layers, &global] {
    if (is_picture_name(source->model) || holds_picture(source->model))
      return inspect_picture(source->model, global.json);
    if (show_addition(source->model, global.json)) return;
    if (!layers->empty()) return list_layers(model_layers(*source, *layers), global.json);
    auto info = inspect_model(*source);
    if (*fingerprint) info.fingerprint = model_fingerprint(*source);
    if (info.builtin) verify_builtin_model();
    if (global.json)
      std::puts(to_json(info).c_str());
    else
      std::fputs(to_text(info).c_str(), stdout);
  });
}

}  // namespace corepulse::cli
