#pragma once
// A single .safetensors file taken apart: which tensors belong to which network, under Diffusers' names.

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "corepulse/model.h"

#include "io/tensors/safetensors.h"
#include "model/files/markers.h"

namespace corepulse::model {

/** The networks of a model, by the names of their folders. */
enum class Part { unet, vae, text_encoder, text_encoder_2 };

/** "unet", "vae", "text_encoder", "text_encoder_2": folder names, and the names of ModelSource's fields. */
const char* name(Part part) noexcept;
/** "--vae": the option that gives this part, for messages. */
std::string option(Part part);

/** The tensors of a network under Diffusers' names, and what the file's own names said. */
struct PartTensors {
  io::Tensors tensors;
  bool open_clip = false;  ///< A text encoder with OpenCLIP's names.
};

struct Checkpoint {
  std::map<Part, PartTensors> parts = {};
  Markers markers;
  /** Tensors that belong to no network and are on no ignore list. */
  std::vector<std::string> unknown = {};
  std::vector<std::string> notes = {};  ///< What was left out.
};

/**
 * Sorts the tensors of a whole checkpoint, or of a file with one network alone (no prefixes).
 * @throws Error unsupported_model, naming what the file is instead (Flux, LoRA, ControlNet ...); bad_file for markers
 * and scales that are no numbers.
 */
Checkpoint take_apart(const io::SafetensorsFile& file, const std::filesystem::path& path);

/** Names in single files that no network uses: averaged copies, training buffers, constants. */
bool is_ignored(std::string_view name);
/** Names beside a text encoder's that belong to the rest of CLIP: left out, and noted so. */
bool is_text_extra(std::string_view name);
std::string note_text_extras(const std::filesystem::path& path, size_t count);

}  // namespace corepulse::model
