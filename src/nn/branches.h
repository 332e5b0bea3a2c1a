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
  /** What this makes of a layer's x, as matrices of x's type that stand beside the layer's; nothing: it is no product
   * of two. */
  std::optional<kernels::Thin> thin(mx::Dtype dtype, const mx::array& share);
  /** y + share * the rest of what this makes of x [..., in]; share of y's pixels. */
  mx::array rest(const mx::array& y, const mx::array& x, const mx::array& share);
  /** What thin() gives of several layers of the same x, this one's the first, as one; nothing, where one has none. */
  std::optional<kernels::Thin> joined(const std::vector<std::shared_ptr<LayerBranch>>& layers, mx::Dtype dtype,
                                      const mx::array& share);
  /** Whether there is more than thin(). */
  bool has_rest();
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
  std::optional<std::pair<kernels::Linear, kernels::Linear>> thin_, joined_;
  std::optional<kernels::Linear> linear_, up_;
  std::optional<kernels::Conv2d> convolution_;
};

/** By the layer's path: "down_blocks.0.resnets.0.conv1". */
using LayerBranches = std::unordered_map<std::string, std::shared_ptr<LayerBranch>>;

/** All that stands beside the weights in one call, the same for every row. */
class Branches {
 public:
  static constexpr int kMostRanks = 3072;
  struct Change {
    int id = 0;          ///< As control calls it.
    mx::array strength;  ///< [1]: of what is no pixel's own.
    /** By the number of pixels: [pixels], or [1] for all, times the strength. Absent: nothing there. */
    std::map<int, mx::array> share;
    std::shared_ptr<LayerBranches> layers;
    bool scaled = false;  ///< The layers are this strength's alone: another has others.
  };
  explicit Branches(std::vector<Change> changes) : changes_(std::move(changes)) {}

  /** The numbers in which calls of one form differ: every strength and share, in a fixed order. */
  std::vector<mx::array> numbers() const;
  /** The same changes with others in their places; on CUDA in the layers' type, once for all of them. */
  Branches with(const std::vector<mx::array>& numbers, mx::Dtype dtype = mx::float32) const;
  /** Whether they differ in numbers() at most: the same matrices, with shares of the same grids. */
  bool same_form(const Branches& other) const;

  /** Whether some change holds the layer. */
  bool holds(const std::string& layer) const;
  /** What the layer, whose matrix is `own`, makes of x [B, ..., in], with what is added. */
  kernels::Sum linear(const std::string& layer, const mx::array& x, const kernels::Linear& own) const;
  /** The same, where the layer has made y already. */
  mx::array added(const std::string& layer, const mx::array& x, mx::array y) const;
  /**
   * What `layers` of the same x make of it with what is added: own(x) and two thin products, or, on CUDA, own(x) with
   * a weight made for the call. Nothing, if it is not equal at all pixels, of changes of these ids and of all layers.
   */
  std::optional<std::vector<mx::array>> joined(const std::vector<std::string>& layers, const mx::array& x,
                                               const kernels::JoinedLinear& own, const std::vector<int>& ids) const;
  /** The same for an x [B, in] whose product goes to pixels of any grid: nothing, if it is not equal at all of them, or
   * of more ranks than kMostRanks, with whose zeros it would cost more than one by one. */
  std::optional<std::vector<mx::array>> joined(const std::vector<std::string>& layers, const mx::array& x,
                                               const kernels::JoinedLinear& own) const;
  /** second(geglu(first(x))). */
  kernels::Sum gated_linear(const std::string& first_layer, const kernels::Linear& first,
                            const std::string& second_layer, const kernels::Linear& second, const mx::array& x) const;
  kernels::Sum conv2d(const std::string& layer, const mx::array& x, kernels::Sum y, const kernels::Conv2d& like) const;
  mx::array upsampled(const std::string& layer, const mx::array& x, mx::array y, const kernels::Conv2d& like) const;
  /** normalize(weight, bias): the layer's x with other numbers than its own, which made y of it. */
  mx::array norm(const std::string& layer, mx::array y,
                 const std::function<mx::array(const mx::array&, const mx::array&)>& normalize) const;
  /** y [B, H, W, C] + row [B, C], which the layer has made of x [B, in], with what is added to it: to every pixel
   * alike, or by its share. */
  kernels::Sum row(const std::string& layer, const mx::array& x, mx::array row, kernels::Sum y, int height,
                   int width) const;
  /** What the layer makes of x with all of what the changes of these ids add, wherever their pixels are. */
  mx::array whole(const std::string& layer, const mx::array& x, const kernels::Linear& own,
                  const std::vector<int>& ids) const;
  /** The same, where the layer has made y already. */
  mx::array whole(const std::string& layer, const mx::array& x, mx::array y, const std::vector<int>& ids) const;

  // The same in parts, for an x that is a constant of the run: y, and what each branch adds to it at a strength of 1.

  using List = std::vector<std::shared_ptr<LayerBranch>>;
  List list(const std::string& layer, const std::vector<int>& ids) const;
  /** Whether the same of the changes of these ids hold both layers, and go on to hold them at other strengths. */
  bool alike(const std::string& layer, const std::string& other, const std::vector<int>& ids) const;
  /** By the list, of y's shape. */
  static std::vector<mx::array> parts(const List& branches, const mx::array& x, const mx::array& y);
  /** y and the parts, of one shape, may be those of several layers that are alike. */
  mx::array sum(const std::string& layer, mx::array y, const std::vector<mx::array>& parts,
                const std::vector<int>& ids) const;

 private:
  /** Those of the layers that a change holds. */
  static List of(const Change& change, const std::vector<std::string>& layers);
  /** One of a layer's branches, and its share of every pixel. */
  struct Acting {
    std::shared_ptr<LayerBranch> branch;
    mx::array share;
  };
  /** Those that act on the layer at so many pixels; or those of the changes of these ids, wherever their pixels are. */
  std::vector<Acting> acting(const std::string& layer, int pixels) const;
  std::vector<Acting> acting(const std::string& layer, const std::vector<int>& ids) const;
  static kernels::Thins thins(const std::vector<Acting>& all, mx::Dtype dtype);
  static mx::array with_rest(const std::vector<Acting>& all, const mx::array& x, mx::array y);
  static mx::array with_all(const std::vector<Acting>& all, const mx::array& x, mx::array y);
  static kernels::Sum sum(const std::vector<Acting>& all, const mx::array& x, const kernels::Linear& own);
  std::vector<Change> changes_;
};

}  // namespace corepulse::nn
