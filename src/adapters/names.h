#pragma once
// The names under which adapters know a model's layers. They are made from the model's own, never by taking an
// adapter's apart: names hold underscores.

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/adapter.h"

namespace corepulse::adapters {

/** What has a weight, or a bias, or both. */
struct Module {
  std::string network;  ///< "unet", "text_encoder", "text_encoder_2".
  std::string name;     ///< "mid_block.attentions.0.proj_in": its tensors are this and ".weight", ".bias".
  std::vector<int64_t> weight, bias;  ///< Shapes; empty if there is no such tensor.
};

class Names {
 public:
  explicit Names(const Shapes& model);
  /**
   * What `text` names: "lora_unet_" and names with underscores, Diffusers' or LDM's; "unet." and names with dots; those
   * of PEFT, SimpleTuner, ComfyUI, and names alone. nullptr if nothing of the model is called so.
   */
  const Module* find(std::string_view text) const;

 private:
  using Index = std::unordered_map<std::string, const Module*>;
  const Module* find(const std::string& network, std::string name, bool dotted) const;

  std::map<std::string, std::map<std::string, Module>> modules_;  ///< By network and name.
  std::map<std::string, Index> dotted_, underscored_;             ///< By network.
};

}  // namespace corepulse::adapters
