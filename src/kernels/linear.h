#pragma once
// y = x W^T + b, and the gated feed-forward made of two.

#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "base/tensor.h"
#include "kernels/beside.h"
#include "kernels/plain_weights.h"
#include "kernels/sum.h"

namespace corepulse::kernels {
namespace cpu {
class LinearWeights;
struct ThinWeights;
}  // namespace cpu

struct Thin;
using Thins = std::vector<Thin>;

/** A matrix to multiply with: on the CPU it is read and repacked at first use, and no plain copy is kept. */
class Linear {
 public:
  /** weight [out, in], bias [out]; evaluated arrays of one dtype. */
  Linear(LazyArray weight, std::optional<mx::array> bias);
  /**
   * x [..., in] -> [..., out]. @param added of the result's shape, added to it as it is stored. On the CPU a row's
   * result has the same bits whatever other rows stand beside it.
   */
  mx::array operator()(const mx::array& x, const std::optional<mx::array>& added = {}) const;
  /** The same bits as of x.whole(), which the CPU's own products do without. */
  mx::array operator()(const Beside& x) const;
  /** With what thin matrices beside it add: on the CPU in one pass, and with the same bits where their shares are 0. */
  mx::array with(const Thins& beside, const mx::array& x, const std::optional<mx::array>& added = {}) const;
  /** The same, computed when it is known what is added to it. */
  Sum later(const mx::array& x) const;
  Sum later(const mx::array& x, const Thins& beside) const;
  /** [out], in a form to add to results; nothing if there is none, or weights are packed for the CPU. */
  std::optional<mx::array> bias() const;
  int in() const { return in_; }
  int out() const { return out_; }
  /** The same for copies alone, which share their weights. */
  const void* id() const { return plain_.get(); }

 private:
  friend class JoinedLinear;
  friend mx::array gated_linear(const mx::array&, const Linear&, const Linear&, const Addends&, const Thins&,
                                const Thins&);
  friend std::optional<std::pair<Linear, Linear>> joined_thin(const std::vector<Thin>&);
  friend mx::array add_thin(const Thins&, const mx::array&, const mx::array&);
  static std::vector<cpu::ThinWeights> packed(const Thins& beside);
  /**
   * A GPU multiplies with one matrix sooner than with three: on CUDA what is added to all rows of x alike goes into the
   * weight [out, in] for this call, unless x has few, and leaves `beside`.
   */
  static mx::array merged(mx::array weight, const mx::array& x, Thins& beside);
  mx::array product(const mx::array& weight, const mx::array& x, const std::optional<mx::array>& added) const;
  std::shared_ptr<PlainWeights> plain_;
  std::shared_ptr<cpu::LinearWeights> packed_;  // null in a build without kernels of the CPU
  int in_, out_;
};

/** A matrix of low rank that stands beside another: share_p up (down x_p) is added at pixel p of every batch row. */
struct Thin {
  Linear down, up;  // [rank, in], [out, rank], without biases
  mx::array share;  // [1] or [pixels], float32; on a GPU of any type
};

/** With the zeros that fill a rank up to what the CPU's tiles multiply, or CUDA's loads. */
int thin_rank(int rank, mx::Dtype dtype);
/** The two matrices of a Thin, of one dtype, with such zeros. */
std::pair<Linear, Linear> thin_matrices(const mx::array& down, const mx::array& up);

/**
 * What stands beside each of several matrices of the same x with the same share, as what stands beside all of their
 * outputs: up is zero where it would mix them. Nothing once they are packed for the CPU.
 */
std::optional<std::pair<Linear, Linear>> joined_thin(const std::vector<Thin>& parts);

/** y [B, ..., out] with what they make of x [B, ..., in]. */
mx::array add_thin(const Thins& beside, const mx::array& x, const mx::array& y);
/** The same, by the plain formula. */
mx::array add_thin_reference(const Thins& beside, const mx::array& x, const mx::array& y);

/** Matrices that multiply the same x, all with or without bias: on CUDA one product, whose array theirs are parts of.
 */
class JoinedLinear {
 public:
  explicit JoinedLinear(std::vector<Linear> parts) : parts_(std::move(parts)), whole_(std::make_shared<Whole>()) {}
  /** x [..., in] -> what each gives, in their order; slices of one array on CUDA. */
  std::vector<mx::array> operator()(const mx::array& x) const;
  /** The same as slices of one array on any device, with what stands beside the matrices as one (joined_thin). Before
   * they are packed for the CPU. */
  std::vector<mx::array> at_once(const mx::array& x, const Thins& beside = {}) const;

 private:
  struct Whole {
    std::once_flag once;
    std::optional<mx::array> weight, bias;
  };
  const Whole& whole() const;
  std::vector<Linear> parts_;
  std::shared_ptr<Whole> whole_;
};

/**
 * second(geglu(first(x))) + added.residual: what a transformer's GEGLU feed-forward computes (Shazeer 2020). On the CPU
 * the wide part in between is never in memory. first has twice as many outputs as second has inputs. `beside_*`: what
 * stands beside the two.
 */
mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second, const Addends& added = {},
                       const Thins& beside_first = {}, const Thins& beside_second = {});
/** The same, computed when it is known what is added to it. */
Sum gated_linear_later(const mx::array& x, const Linear& first, const Linear& second, const Thins& beside_first = {},
                       const Thins& beside_second = {});

/** The plain formula, MLX ops only: what tests compare with and other devices run. */
mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias);

}  // namespace corepulse::kernels
