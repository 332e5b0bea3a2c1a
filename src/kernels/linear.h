#pragma once
// y = x W^T + b, and the gated feed-forward made of two.

#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/tensor.h"
#include "kernels/beside.h"
#include "kernels/plain_weights.h"
#include "kernels/sum.h"

namespace corepulse::kernels {
namespace cpu {
class LinearWeights;
}

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
  /** The same, computed when it is known what is added to it. */
  Sum later(const mx::array& x) const;
  /** [out], in a form to add to results; nothing if there is none, or weights are packed for the CPU. */
  std::optional<mx::array> bias() const;
  int in() const { return in_; }
  int out() const { return out_; }
  /** The same for copies alone, which share their weights. */
  const void* id() const { return plain_.get(); }

 private:
  friend class JoinedLinear;
  friend mx::array gated_linear(const mx::array&, const Linear&, const Linear&, const Addends&);
  std::shared_ptr<PlainWeights> plain_;
  std::shared_ptr<cpu::LinearWeights> packed_;  // null in a build without kernels of the CPU
  int in_, out_;
};

/** Matrices that multiply the same x, all with or without bias: on CUDA one product, whose array theirs are parts of.
 */
class JoinedLinear {
 public:
  explicit JoinedLinear(std::vector<Linear> parts) : parts_(std::move(parts)), whole_(std::make_shared<Whole>()) {}
  /** x [..., in] -> what each gives, in their order; slices of one array on CUDA. */
  std::vector<mx::array> operator()(const mx::array& x) const;

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
 * the wide part in between is never in memory. first has twice as many outputs as second has inputs.
 */
mx::array gated_linear(const mx::array& x, const Linear& first, const Linear& second, const Addends& added = {});
/** The same, computed when it is known what is added to it. */
Sum gated_linear_later(const mx::array& x, const Linear& first, const Linear& second);

/** The plain formula, MLX ops only: what tests compare with and other devices run. */
mx::array linear_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias);

}  // namespace corepulse::kernels
