#pragma once
// Which model, and what is in it: families, components, attention layers. Reads headers only, never weights.
//
//   const auto info = corepulse::inspect_model({.model = "sd15.safetensors"});
//   std::cout << corepulse::to_text(info);

#include <cstdint>
#include <string>
#include <vector>

#include "corepulse/sampling.h"

namespace corepulse {

/** Where a model comes from. Empty fields are found in `model` or derived from its tensors. */
struct ModelSource {
  /** "builtin", a Diffusers folder, a .safetensors file, a folder with one such file in it, or org/name in the Hugging
   * Face cache (never downloaded). */
  std::string model = "builtin";
  /** Components from elsewhere: a folder, a .safetensors file (Diffusers or LDM names), or org/name as above; of the
   * component alone or of a whole model. */
  std::string unet, vae, text_encoder, text_encoder_2;
  /** A folder with vocab.json and merges.txt, for the first text encoder. Else the model's own, else CLIP's. */
  std::string tokenizer;
  /** A Diffusers folder whose configs and tokenizers are used where the model has none: single files. */
  std::string config;
  std::string family;      ///< "" (detect), "sd1", "sd2", "sdxl", "sdxl_refiner".
  std::string prediction;  ///< "" (as the model says), "epsilon", "v", "sample".
  std::string variant;     ///< Diffusers folders: "fp16" prefers *.fp16.safetensors.
};

enum class Family { sd1, sd2, sdxl, sdxl_refiner };

/** "sd1", "sd2", "sdxl", "sdxl_refiner". */
const char* name(Family family) noexcept;

/** One network of a model, as stored. */
struct ComponentInfo {
  std::string name;                ///< "unet", "vae", "text_encoder", "text_encoder_2".
  std::vector<std::string> files;  ///< Paths.
  std::string dtype;               ///< "F16", or "F16, F32" when mixed.
  uint64_t parameters = 0;         ///< Numbers used, without ignored tensors.
  uint64_t bytes = 0;              ///< As stored.
};

/** One attention layer (docs/control.md, Sites). */
struct SiteInfo {
  std::string id;     ///< "input:1.0", "output:0.2#7" (transformer depth 7).
  std::string block;  ///< "input:1".
  std::string ldm;    ///< "ldm:input_4".
  std::string path;   ///< "down_blocks.1.attentions.0.transformer_blocks.0.attn2".
  int attention = 0, depth = 0;
  bool cross = true;  ///< Reads the text; else the picture itself.
  int heads = 0;
  int grid_height = 0, grid_width = 0;  ///< Tokens at the model's native size.
};

/** One linear layer or convolution of the UNet. */
struct LayerInfo {
  std::string path;   ///< "down_blocks.1.resnets.0.conv1": its weight is path + ".weight".
  std::string block;  ///< "input:1"; "" outside blocks: conv_in, the time embedding, conv_out.
  std::string ldm;    ///< "ldm:input_4"; "" likewise.
  bool convolution = false;
  int in = 0, out = 0;  ///< Channels.
};

/** One block of the UNet, in order of execution. */
struct BlockInfo {
  std::string id;    ///< "input:1", "middle:0" (where there is one), "output:2".
  std::string path;  ///< "down_blocks.1", "mid_block", "up_blocks.2".
  int channels = 0;
  int grid_height = 0, grid_width = 0;  ///< Of its layers, at the model's native size.
  int cross_layers = 0, self_layers = 0;
  int heads = 0;    ///< 0 without attention.
  std::string ldm;  ///< "input_1, input_2"; empty without attention.
};

struct ModelInfo {
  Family family = Family::sd1;
  std::string name;  ///< File or folder name, org/name, or "builtin".
  Prediction prediction = Prediction::epsilon;
  bool zero_snr = false;  ///< Trained with zero terminal SNR.
  /** Trained with EDM's noise levels and preconditioning (Karras et al. 2022): Playground v2.5, CosXL. Else 0. */
  bool edm = false;
  double sigma_min = 0, sigma_max = 0;
  /** What models of this shape, or with these markers, are called: "SSD-1B", "Playground v2.5". "": the family's own
   * shape, or one that has no name. */
  std::string known_as;
  /** The default: what its scheduler_config names, where it is here. */
  SamplerKind sampler = SamplerKind::euler;
  int width = 512, height = 512;  ///< Native picture size in pixels.
  int latent_downscale = 8;       ///< Pixels per latent, each way; sizes are multiples of it.
  bool inpaint = false;           ///< 9 input channels: latent, mask, masked picture.
  bool pix2pix = false;           ///< 8 input channels: latent, picture (instruct-pix2pix).
  int context_width = 768;        ///< Numbers per token that cross-attention reads.
  std::vector<ComponentInfo> components;
  std::vector<BlockInfo> blocks;
  std::vector<SiteInfo> sites;  ///< In order of execution.
  uint64_t parameters = 0;      ///< All components.
  uint64_t bytes = 0;           ///< All components, as stored.
  std::string fingerprint;      ///< model_fingerprint's; empty from inspect_model, which reads no weights.
  bool builtin = false;
  std::vector<std::string> notes;  ///< Guesses made and things left out, one sentence each.
};

/**
 * Reads configs and file headers; costs milliseconds, whatever the model's size.
 * @throws Error not_found, bad_file, unsupported_model: all that loading would throw about configs, names, shapes and
 * types of tensors.
 */
ModelInfo inspect_model(const ModelSource& source);

/**
 * The layers that a selector names: as docs/control.md says of attention layers ("" and "all": every one), but for all
 * linear layers and convolutions. A resnet's stand in the LDM block of the attention that follows it.
 * @throws Error as inspect_model; invalid_request for a selector that names none, listing the valid spellings.
 */
std::vector<LayerInfo> model_layers(const ModelSource& source, const std::string& where = "");

/**
 * What recipes and recordings know a model by, 64 hex digits: SHA-256 over every byte of every tensor, and over what
 * configs say of computing with them (prediction, zero SNR, noise levels, heads, scales ...). The same files elsewhere
 * have the same. Reads all weights on all cores, once: the result is kept in the user's cache folder for as long as the
 * files' paths, sizes, times and inodes stay.
 * @throws Error as inspect_model; bad_file for a file that changes meanwhile.
 */
std::string model_fingerprint(const ModelSource& source);

/** Compares every file of the built-in model with its SHA-256 (about 0.3 s). @throws
 * Error{bad_file} naming the file. */
void verify_builtin_model();

/** A table for people: components, blocks, attention layers. */
std::string to_text(const ModelInfo& info);
/** The same for programs: one JSON object, fields named as above. */
std::string to_json(const ModelInfo& info);

}  // namespace corepulse
