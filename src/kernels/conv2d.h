#pragma once
// 2-D convolution, NHWC, with bias.

#include <memory>
#include <optional>

#include "base/tensor.h"
#include "kernels/options.h"
#include "kernels/plain_weights.h"
#include "kernels/sum.h"

namespace corepulse::kernels {
namespace cpu {
class ConvWeights;
}

/**
 * Convolution weights; on the CPU read and repacked at first use, and no plain copy is kept. There, a batch row's
 * result has the same bits whatever other rows stand beside it.
 */
class Conv2d {
 public:
  /** weight [out, kh, kw, in], bias [out]. */
  Conv2d(LazyArray weight, std::optional<mx::array> bias, int stride, Padding padding);
  /** x [B, H, W, in] -> [B, H', W', out] */
  mx::array operator()(const mx::array& x, const Addends& added = {}) const;
  /** The same, computed when it is known what is added to it. */
  Sum later(const mx::array& x) const;
  /**
   * The convolution of the first height x width pixels of upsample2x(x), height and width 2n or 2n - 1 for n pixels of
   * x: most often without the enlarged array in memory.
   */
  mx::array upsampled(const mx::array& x, int height, int width) const;
  /** Other weights [out, kh, kw, in], without a bias, that go over the picture as these do. */
  Conv2d like(LazyArray weight) const { return {std::move(weight), {}, geometry_.stride, geometry_.padding}; }
  /** Of each result's batch row, for x of that shape. */
  int pixels(const mx::Shape& x) const;
  int in() const { return in_; }
  int out() const { return out_; }

 private:
  std::shared_ptr<PlainWeights> plain_;
  std::shared_ptr<cpu::ConvWeights> packed_;  // null in a build without kernels of the CPU
  ConvGeometry geometry_{};
  int in_, out_;
};

/** The plain formula, MLX ops only. */
mx::array conv2d_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                           int stride, Padding padding);

}  // namespace corepulse::kernels
