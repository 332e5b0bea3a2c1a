#pragma once
// LoRA and its family: what a file changes in a network's tensors. Reading and arithmetic; where, when and how much is
// control's to say.

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "io/file.h"

namespace corepulse::adapters {

/** The difference as a product: strength * up * down, the file's alpha and rank being in `up`. Evaluated, float32. */
struct Factors {
  mx::array down;  ///< [rank, in], of a convolution [rank, in, k, k].
  mx::array up;    ///< [out, rank].
};

/**
 * What one adapter changes in one tensor: a layer's weight, or a bias or a norm's weight. Its functions read the file's
 * numbers anew each time, without MLX's operations, so on any thread. They throw Error bad_file if the file was changed
 * since, or holds numbers that are not finite.
 */
class Delta {
 public:
  virtual ~Delta() = default;
  /**
   * What is to be added to the tensor.
   * @param original the model's own, float32, evaluated, row-contiguous, in its file's shape: [out, in],
   * [out, in, k, k] or [n]; a matrix may also be given as a 1x1 convolution, and the other way round.
   * @param strength any finite number: the user's; the file's alpha and rank are in here already.
   * @return float32, evaluated, of original's shape; exact zeros are not promised at strength 0: do not ask then.
   */
  virtual mx::array difference(const mx::array& original, float strength) const = 0;
  /** Where the difference is proportional to the strength and does not depend on `original`, of low rank and cheaper
   * so: plain LoRA. */
  virtual std::optional<Factors> factors() const { return {}; }
  /** Of the factors; 0: there are none. Reads nothing. */
  virtual int64_t rank() const { return 0; }
};

/** The tensors of a model that an adapter may name: by network ("unet", "text_encoder", "text_encoder_2"), Diffusers'
 * and transformers' names with their shapes. */
using Shapes = std::map<std::string, std::map<std::string, std::vector<int64_t>>>;

struct Adapter {
  std::shared_ptr<const io::MappedFile> file;  ///< That was read, and that the deltas read.
  std::string format;                          ///< For people: "kohya LoRA, rank 16".
  /** By network, then by tensor ("down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_q.weight"). */
  std::map<std::string, std::map<std::string, std::shared_ptr<const Delta>>> deltas;
  std::string settings;            ///< What a configuration beside the file says; "": there is none.
  std::vector<std::string> notes;  ///< What was left out, in words: keys without a layer, if that was allowed.
};

/**
 * How DoRA's magnitudes m are read. W is the model's weight, dW the file's difference, W1 = W + dW, and norms are those
 * of each output (or, where m has that shape, of each input). The first two are equal at strength 1.
 */
enum class Dora {
  blended,  ///< W + strength (m W1 / |W1| - W): strength 0 is the model itself.
  lycoris,  ///< LyCORIS 4: W1 (1 + strength (m / |W1| - 1)).
  comfyui,  ///< As blended, but m W1 / |W| for outputs.
};

struct ReadOptions {
  bool strict = true;  ///< Every key must belong to a tensor of the model; else those that do not become a note.
  Dora dora = Dora::blended;
};

/**
 * Reads the headers and keeps the file mapped; numbers are read by Delta's functions (but alphas, which are read here).
 * @throws Error bad_file (damaged, wrong shapes: the key is named), unsupported_model (another family's adapter, a kind
 * that is not known: says which), not_found.
 */
Adapter read(const std::filesystem::path& file, const Shapes& model, const ReadOptions& options = {});

}  // namespace corepulse::adapters
