#pragma once
// A side network (ControlNet, T2I-Adapter) understood but not yet loaded, for a model that is.

#include <filesystem>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "io/json.h"
#include "model/model.h"
#include "unet/control_net.h"
#include "unet/t2i_adapter.h"

namespace corepulse::model {

/** How a file stores its network. */
enum class SideForm {
  control_net,
  difference,    ///< A ControlNet's; what it has in common with a UNet, as the difference to that UNet's.
  control_lora,  ///< A ControlNet's; what it has in common with a UNet, as products X.up X.down to be added to that
                 ///< UNet's X.weight, or left out where it is the same.
  t2i_adapter
};

/** A side network's file as found: its tensors under Diffusers' names. */
struct SideFile {
  std::filesystem::path path;
  io::Tensors tensors;
  nn::Weights::Files mappings;
  io::Json config;  ///< Of a folder; else null.
  SideForm form = SideForm::control_net;
};

/** @throws Error not_found; bad_file; unsupported_model, by name for networks of other kinds and families. */
SideFile read_side_file(const std::filesystem::path& path);
/** "ControlNet", "T2I-Adapter": what it is, for people. */
std::string side_kind(const SideFile& file);
/** Of the texts that a network's cross-attention reads; 0: it reads none. */
int text_width(const io::Tensors& tensors);

struct SideParts {
  SideFile file;
  std::string what;  ///< side_kind of the file.
  std::variant<unet::ControlNetConfig, unet::T2iAdapterConfig> config;
  io::Tensors tensors;           ///< All of the network's: the file's, and those that it has from the model's UNet.
  nn::Weights::Files mappings;   ///< That they lie in.
  nn::Additions additions = {};  ///< To these tensors, where they are stored in two parts.
  bool pools = false;            ///< What it makes is averaged over the picture (shuffle).
  std::vector<bool> skips = {};  ///< Of unet::skips(UNet's config): those that it adds to.

  const unet::ControlNetConfig* control_net() const { return std::get_if<unet::ControlNetConfig>(&config); }
  uint64_t bytes(mx::Dtype dtype) const;  ///< Of its weights in memory: about.
};

/**
 * Checks that the network fits the model's UNet and has all of its tensors and no others; no number is read.
 * @throws as read_side_file; unsupported_model for another family's.
 */
SideParts understand_side(const std::filesystem::path& path, const Parts& model);

using SideNetwork = std::variant<unet::ControlNet, unet::T2iAdapter>;

/** On the thread that owns MLX. @throws Error bad_file, unsupported_model. */
std::shared_ptr<const SideNetwork> load_side(const SideParts& parts, mx::Dtype dtype);

}  // namespace corepulse::model
