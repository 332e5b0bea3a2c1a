#pragma once
// What an adapter's file says of one layer: its tensors by what they are for, and checks before any arithmetic.

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/tensor.h"
#include "io/file.h"
#include "io/tensors/tensor_view.h"

namespace corepulse::adapters {

using Sizes = std::vector<int64_t>;

/** The file that tensors lie in. */
struct Source {
  std::string path;  ///< For messages.
  std::shared_ptr<const io::MappedFile> mapping;
};

/** One tensor of the file. */
struct Stored {
  std::string key;
  io::TensorView view;
  std::shared_ptr<const Source> source;

  /** The shape without ones at its end, two sizes at least where there are as many: a 1x1 convolution is a matrix. */
  Sizes sizes() const;
  /** The numbers, float32, in their order. On any thread. @throws Error bad_file if the file was changed since, or a
   * number is not finite. */
  std::vector<float> read() const;
  /** The number of a tensor of one element, of any type. @throws Error bad_file, also if it is not finite. */
  double scalar() const;
  /** Throws Error{bad_file} "FILE: tensor KEY WHAT". */
  [[noreturn]] void refuse(std::string_view what) const;
};

/** sizes() of any shape. */
Sizes squeezed(Sizes shape);
int64_t product_of(const Sizes& sizes, size_t from = 0);
std::string shown(const Sizes& sizes);

/** How PEFT's OFT makes rotations of its numbers. */
struct PeftOft {
  int terms = 5;     ///< Of the Cayley map's series; 0: the map itself.
  double limit = 0;  ///< COFT: how far all blocks together turn; 0: as far as they will.
};

/** What PEFT's configuration says of a layer. */
struct PeftScale {
  double alpha = 8;
  std::optional<double> rank;  ///< None: the matrices'.
  bool square_root = false;    ///< rsLoRA: alpha / sqrt(rank).
  std::optional<PeftOft> oft = {};
  std::optional<bool> on_input = {};  ///< IA3: whether the layer is one of feedforward_modules.
};

/** A layer of the model that the file names, and the file's tensors for it. */
class Layer {
 public:
  Sizes weight;  ///< Shape of the model's tensor, squeezed; empty if it has none.
  Sizes bias;
  std::optional<PeftScale> peft;
  std::map<std::string_view, Stored> parts;  ///< By slot (keys.h).

  bool has(std::string_view slot) const { return parts.contains(slot); }
  /** The tensor, which counts as used then; nullptr if there is none. */
  const Stored* take(std::string_view slot);
  /** @throws Error bad_file naming what is missing. */
  const Stored& need(std::string_view slot);
  /** need, of exactly this shape (squeezed); 0 stands for any size of 1 to kMostRank. */
  const Stored& need(std::string_view slot, const Sizes& sizes);
  /** need, of the weight's inputs [rows, in, k, k]; LyCORIS also has them as [rows, in * k * k]. */
  const Stored& need_flat(std::string_view slot, int64_t rows);
  /** Tensors of the file that nothing took. */
  std::vector<const Stored*> left() const;
  /** What the difference of matrices of this rank is multiplied by: alpha / rank. @throws Error bad_file if that is no
   * number of float32. */
  float scale(int64_t rank);

  /** The sizes of the weight without its outputs: [in] or [in, k, k]. */
  Sizes inputs() const { return {weight.begin() + 1, weight.end()}; }
  /** Throws Error{bad_file} about a tensor that the layer lacks, naming one that is there. */
  [[noreturn]] void refuse(std::string_view what) const;

 private:
  double scale_of(int64_t rank);
  std::map<std::string_view, bool> used_;
};

/** No adapter has a larger rank; more would be memory for nothing. */
inline constexpr int64_t kMostRank = 16384;

}  // namespace corepulse::adapters
