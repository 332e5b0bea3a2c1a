#pragma once
// What stands beside the weights of a network's layers in a call: products of their inputs that are added to their
// results, pixel by pixel.

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/tensor.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/sum.h"

namespace corepulse::nn {

/** What is added to a layer's result: up (first x) + bias; without `up`, first x + bias. Evaluated, float32. */
struct BranchNumbers {
  std::optional<mx::array> first;  // [rank, in] or [rank, in, k, k], without `up` [out, ...]; of a norm's weight [n]
  std::optional<mx::array> up;     // [out, rank]
  std::optional<mx::array> bias;   // [out]
};

/** The numbers of one layer, read and packed when they are first needed. On the engine's thread. */
class LayerBranch {
 public:
  explicit LayerBranch(std::function<BranchNumbers()> read) : read_(std::move(read)) {}
  /** y + share * what this makes of x [..., in]; share of y's pixels. */
  mx::array added(const mx::array& y, const mx::array& x, const mx::array& share);
  /** The same of a convolution with the geometry of `layer`. */
  mx::array convolved(const mx::array& y, const mx::array& x, const mx::array& share, const kernels::Conv2d& layer);
  /** Of Conv2d::upsampled. */
  mx::array upsampled(const mx::array& y, const mx::array& x, const mx::array& share, const kernels::Conv2d& layer);
  /** A norm's weight and bias, float32: what is missing is 0. */
  std::pair<mx::array, mx::array> norm();

 private:
  const BranchNumbers& numbers();
  const kernels::Linear& linear(mx::Dtype dtype);
  const kernels::Conv2d& convolution(const kernels::Conv2d& layer, mx::Dtype dtype);
  /** y + share * up made. */
  mx::array joined(const mx::array& y, const std::optional<mx::array>& made, const mx::array& share);

  std::function<BranchNumbers()> read_;  ///< Until they are read.
  BranchNumbers numbers_;
  std::optional<kernels::Linear> linear_, up_;
  std::optional<kernels::Conv2d> convolution_;
};

/** By the layer's path: "down_blocks.0.resnets.0.conv1". */
using LayerBranches = std::unordered_map<std::string, std::shared_ptr<LayerBranch>>;

/** All that stands beside the weights in one call, the same for every row. */
class Branches {
 public:
  struct Change {
    int id = 0;                      ///< As control calls it.
    mx::array strength;              ///< [1]: of what is no pixel's own.
    std::map<int, mx::array> share;  ///< By the number of pixels: [pixels], times the strength. Absent: nothing there.
    std::shared_ptr<LayerBranches> layers;
  };
  explicit Branches(std::vector<Change> changes) : changes_(std::move(changes)) {}

  /** Whether some change holds the layer, */
  bool holds(const std::string& layer) const;
  /** and something is added to what it makes of so many pixels. */
  bool acts(const std::string& layer, int pixels) const;
  /** y, which the layer makes of x [B, ..., in], with what is added. */
  kernels::Sum linear(const std::string& layer, const mx::array& x, kernels::Sum y) const;
  kernels::Sum conv2d(const std::string& layer, const mx::array& x, kernels::Sum y, const kernels::Conv2d& like) const;
  mx::array upsampled(const std::string& layer, const mx::array& x, mx::array y, const kernels::Conv2d& like) const;
  /** normalize(weight, bias): the layer's x with other numbers than its own, which made y of it. */
  mx::array norm(const std::string& layer, mx::array y,
                 const std::function<mx::array(const mx::array&, const mx::array&)>& normalize) const;
  /** What is added to every pixel of y [B, H, W, C] for x [B, in], whose product is the same for all of them. */
  kernels::Sum row(const std::string& layer, const mx::array& x, kernels::Sum y, int height, int width) const;
  /** y with all of what the changes of these ids add, wherever their pixels are. */
  mx::array whole(const std::string& layer, const mx::array& x, mx::array y, const std::vector<int>& ids) const;

 private:
  /** visit(branch, share) of those that act on the layer at so many pixels. */
  template <class Visit>
  void each(const std::string& layer, int pixels, const Visit& visit) const;
  std::vector<Change> changes_;
};

}  // namespace corepulse::nn
