#pragma once
// What is in a file of added weights (LoRA and its family), in a side network's (ControlNet, T2I-Adapter), or in an
// IP-Adapter's, told from its header alone.
//
//   if (const auto lora = corepulse::inspect_adapter("style.safetensors")) std::cout << to_text(*lora);

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace corepulse {

struct AdapterSummary {
  std::string format;                 ///< "kohya LoRA, rank 16".
  std::string family;                 ///< "Stable Diffusion XL"; "": the file does not tell.
  std::map<std::string, int> layers;  ///< How many it changes, by network: "unet", "text_encoder", "text_encoder_2".
  uint64_t tensors = 0, bytes = 0;
  std::map<std::string, std::string> metadata;  ///< As the trainer wrote it.
};

/**
 * Nothing if no tensor of the file is named as such files name them. Whether all of it fits a model is for a run, or
 * corepulse::explain, to say. @throws Error not_found, bad_file.
 */
std::optional<AdapterSummary> inspect_adapter(const std::string& file);

/** A few lines for people. */
std::string to_text(const AdapterSummary& summary);
/** One JSON object, fields named as above. */
std::string to_json(const AdapterSummary& summary);

struct SideNetworkSummary {
  std::string what;           ///< "ControlNet", "ControlNet of 8 types of pictures", "control-lora", "T2I-Adapter".
  std::string family;         ///< "Stable Diffusion XL"; "": of no known one.
  int text_width = 0;         ///< Numbers a token of the texts that it reads; 0: it reads none.
  std::vector<int> channels;  ///< By level.
  uint64_t tensors = 0, bytes = 0;
};

/**
 * Nothing if no tensor of the file, or of the Diffusers folder, is named as a side network's. Whether it fits a model
 * is for a run, or corepulse::explain, to say. @throws Error not_found, bad_file; unsupported_model, by name for
 * networks that are not run.
 */
std::optional<SideNetworkSummary> inspect_side_network(const std::string& path);

/** A few lines for people. */
std::string to_text(const SideNetworkSummary& summary);
/** One JSON object, fields named as above. */
std::string to_json(const SideNetworkSummary& summary);

struct PictureAdapterSummary {
  std::string what;    ///< "IP-Adapter Plus".
  std::string family;  ///< "Stable Diffusion XL"; "": of no known one.
  int text_width = 0;  ///< Numbers a token of the texts beside which it is read.
  int tokens = 0;      ///< That one picture is read as; 0: as many as its encoder sees patches.
  bool faces = false;  ///< It reads faces' vectors, of another program, and no pictures.
  uint64_t tensors = 0, bytes = 0;
};

/**
 * Nothing if no tensor of the file is named as an IP-Adapter's. Whether it fits a model is for a run, or
 * corepulse::explain, to say. @throws Error not_found, bad_file; unsupported_model, by name for adapters that are not
 * run.
 */
std::optional<PictureAdapterSummary> inspect_picture_adapter(const std::string& file);

/** A few lines for people. */
std::string to_text(const PictureAdapterSummary& summary);
/** One JSON object, fields named as above. */
std::string to_json(const PictureAdapterSummary& summary);

}  // namespace corepulse
