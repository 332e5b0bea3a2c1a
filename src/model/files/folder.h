#pragma once
// Diffusers' folders: which files hold a network, plain, as a variant, or in several pieces.

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "io/json.h"
#include "io/tensors/safetensors.h"

namespace corepulse::model {

/** A network's tensors with the names of the files, from one or several of them. */
struct StoredWeights {
  io::Tensors tensors;
  std::vector<std::filesystem::path> files;
  std::vector<std::shared_ptr<const io::MappedFile>> mappings;
};

/** A component's folder, e.g. unet/. */
struct ComponentFolder {
  io::Json config;
  std::filesystem::path config_file;
  StoredWeights weights;
  std::optional<std::string> note;  ///< When another variant than the one asked for was taken.
};

/**
 * Reads config.json and maps the weights: NAME.VARIANT.safetensors or its index if a variant is
 * asked for and there, else NAME.safetensors or its index, else the fp16, bf16, fp32 or non_ema variant; NAME is
 * "diffusion_pytorch_model" or "model".
 * @throws Error not_found, bad_file (an index that leaves its folder; pickles), invalid_request (variant).
 */
ComponentFolder read_component(const std::filesystem::path& folder, const std::string& variant);

/** The one .safetensors file that lies in a folder itself; nullopt for none or several. */
std::optional<std::filesystem::path> only_weights_file(const std::filesystem::path& folder);

/** A download of Hugging Face's tools that was broken off, in a folder of a model or in the cache that it is of. */
std::optional<std::filesystem::path> unfinished_download(const std::filesystem::path& folder);

/** model_index.json: a component's class, e.g. "UNet2DConditionModel"; "" if absent or null. */
std::string component_class(const io::Json& index, const char* component);

}  // namespace corepulse::model
