#pragma once
// A side network (ControlNet) understood but not yet loaded, for a model that is.

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "io/json.h"
#include "model/model.h"
#include "unet/control_net.h"

namespace corepulse::model {

/** A side network's file as found: its tensors under Diffusers' names. */
struct SideFile {
  std::filesystem::path path;
  io::Tensors tensors;
  nn::Weights::Files mappings;
  io::Json config;  ///< Of a folder; else null.
};

/** @throws Error not_found; bad_file; unsupported_model, by name for networks of other kinds and families. */
SideFile read_side_file(const std::filesystem::path& path);

struct SideParts {
  SideFile file;
  std::string what;  ///< "ControlNet".
  unet::ControlNetConfig config;
  bool pools = false;                     ///< What it makes is averaged over the picture (shuffle).
  std::vector<bool> skips;                ///< Of unet::skips(UNet's config): those that it adds to.
  uint64_t bytes(mx::Dtype dtype) const;  ///< Of its weights in memory: about.
};

/**
 * Checks that the network fits the model's UNet and has all of its tensors and no others; no number is read.
 * @throws as read_side_file; unsupported_model for another family's.
 */
SideParts understand_side(const std::filesystem::path& path, const Parts& model);

/** On the thread that owns MLX. @throws Error bad_file, unsupported_model. */
std::shared_ptr<const unet::ControlNet> load_side(const SideParts& parts, mx::Dtype dtype);

}  // namespace corepulse::model
