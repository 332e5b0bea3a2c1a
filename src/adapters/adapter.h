#pragma once
// LoRA and its family: what a file changes in a network's tensors. Reading and arithmetic; where, when and how much is
// control's to say.

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tensor.h"

namespace corepulse::adapters {

/** What one adapter changes in one tensor: a layer's weight, or a bias or a norm's weight. */
class Delta {
 public:
  virtual ~Delta() = default;
  /**
   * What is to be added to the tensor.
   * @param original the model's own, float32, in its file's shape: [out, in], [out, in, k, k] or [n].
   * @param strength any finite number: the user's; the file's alpha and rank are in here already.
   * @return float32, of original's shape; exact zeros are not promised at strength 0: do not ask then.
   */
  virtual mx::array difference(const mx::array& original, float strength) const = 0;
};

/** The tensors of a model that an adapter may name: by network ("unet", "text_encoder", "text_encoder_2"), Diffusers'
 * and transformers' names with their shapes. */
using Shapes = std::map<std::string, std::map<std::string, std::vector<int64_t>>>;

struct Adapter {
  std::string format;  ///< For people: "kohya LoRA, rank 16".
  /** By network, then by tensor ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"). */
  std::map<std::string, std::map<std::string, std::shared_ptr<const Delta>>> deltas;
  std::vector<std::string> notes;  ///< What was left out, in words: keys without a layer, if that was allowed.
};

/**
 * Reads the headers and keeps the file mapped; numbers are read by Delta::difference.
 * @param strict every key must belong to a tensor of the model; else those that do not become a note.
 * @throws Error bad_file (damaged, wrong shapes: the key is named), unsupported_model (another family's adapter, a kind that
 * is not known: says which), not_found.
 */
Adapter read(const std::filesystem::path& file, const Shapes& model, bool strict);

}  // namespace corepulse::adapters
