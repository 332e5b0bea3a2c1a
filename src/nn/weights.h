#pragma once
// A network's tensors by name; a layer takes its own by prefix. Every tensor is taken exactly once,
// or it is an error.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/tensor.h"
#include "io/file.h"
#include "io/tensors/tensor_view.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/plain_weights.h"

namespace corepulse::nn {

/**
 * What is added to a tensor, of `original`; both are float32, evaluated, in rows, and shaped as the file has it: [out,
 * in], [out, in, k, k] or [n]. It is asked when the tensor is read, on any thread, so it may not use MLX's operations.
 */
using Addition = std::function<mx::array(const mx::array& original)>;
/** By the tensor's name in its network. */
using Additions = std::unordered_map<std::string, Addition>;

/** What was made of a network's tensors, by their names: networks of the same tensors hold it once. */
struct Made {
  std::unordered_map<std::string, kernels::Linear> linears;  ///< By weight, as are convolutions.
  std::unordered_map<std::string, kernels::Conv2d> convolutions;
  std::unordered_map<std::string, mx::array> arrays;
};

/** A view of the tensors below one prefix, e.g. weights / "down_blocks.0" / "resnets.1". Cheap to
 * copy. */
class Weights {
 public:
  using Files = std::vector<std::shared_ptr<const io::MappedFile>>;

  /**
   * @param component name for messages, e.g. "unet"; @param dtype what layers compute in.
   * @param files that the tensors lie in: whether they are unchanged is asked before each tensor is read, and the
   * memory of its pages is given back after.
   * @param int8 matrices and convolutions are kept in 8-bit integers where their layer can.
   * @param made of the same tensors for the same types; layers without additions are found there, or added to it.
   */
  Weights(io::Tensors tensors, std::string component, mx::Dtype dtype, Files files = {}, bool int8 = false,
          std::shared_ptr<Made> made = std::make_shared<Made>(), Additions additions = {});

  /**
   * Names, types and shapes alone: whatever building a network throws is thrown, but no number is read, and the network
   * computes nothing. On any thread.
   */
  static Weights header(io::Tensors tensors, std::string component);

  Weights operator/(std::string_view child) const;
  Weights operator/(int child) const { return *this / std::to_string(child); }

  bool has(std::string_view name) const;
  /** Of the layer whose tensors lie directly below: the prefix without its last dot. */
  std::string path() const { return prefix_.substr(0, prefix_.empty() ? 0 : prefix_.size() - 1); }
  /** Shape as stored, for layers whose form depends on the file (proj_in: convolution or linear).
   */
  const std::vector<int64_t>& stored_shape(std::string_view name) const;

  /** Takes a tensor of exactly this shape, converted to the compute dtype. @throws
   * Error{unsupported_model}. */
  mx::array take(std::string_view name, const mx::Shape& shape) const;
  /** As take; float32 for bfloat16 layers, whose sums are float32. */
  mx::array take_bias(std::string_view name, int width) const;
  /** As take, kept in float32 (norm parameters stay exact on GPU). */
  mx::array take_float32(std::string_view name, const mx::Shape& shape) const;
  /**
   * Takes `weight` [out, in] and, if it is wanted, `bias`. Matrices and convolutions are read when first used, often on
   * another thread: Error{bad_file} if the file was changed since.
   */
  kernels::Linear linear(int out, int in, bool bias) const;
  /** The same with a bias: `weight` as [out, k, k, in]. */
  kernels::Conv2d conv2d(int out, int in, int k, int stride, kernels::Padding padding) const;
  /** [out, in], also from a stored 1x1 convolution [out, in, 1, 1] or a transposed [in, out] view. */
  kernels::LazyArray take_matrix(std::string_view name, int out, int in) const;
  /** Stored OIHW, returned as MLX wants it: [out, k, k, in]. A stored [out, in] is accepted for k
   * = 1. */
  kernels::LazyArray take_conv(std::string_view name, int out, int in, int k) const;

  /** After a network is built: throws Error{unsupported_model} naming the tensors that nothing
   * took. */
  void require_all_taken() const;
  mx::Dtype dtype() const;

 private:
  struct Bundle;
  Weights(std::shared_ptr<Bundle> bundle, std::shared_ptr<Made> made, std::string prefix);
  const io::TensorView& use(std::string_view name, const std::vector<std::vector<int64_t>>& shapes) const;
  mx::array take_as(std::string_view name, const mx::Shape& shape, mx::Dtype dtype) const;
  /** Empty: nothing is added. */
  Addition addition(std::string_view name) const;
  std::shared_ptr<Bundle> bundle_;
  std::shared_ptr<Made> made_;  // not in the bundle, which the layers in it hold until they are read
  std::string prefix_;          // "" or ends with '.'
};

}  // namespace corepulse::nn
