#pragma once
// 2-D convolution, NHWC, with bias.

#include <memory>
#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** Zero padding in pixels; Diffusers' VAE downsampler pads only right and bottom. */
struct Padding {
  int top = 0, bottom = 0, left = 0, right = 0;
  static Padding same(int n) { return {n, n, n, n}; }
};

/** Convolution weights ready for use; on the CPU repacked at first use, the plain copy is dropped. */
class Conv2d {
 public:
  /** weight [out, kh, kw, in], bias [out]. */
  Conv2d(mx::array weight, std::optional<mx::array> bias, int stride, Padding padding);
  mx::array operator()(const mx::array& x) const;  // [B, H, W, in] -> [B, H', W', out]
  int in() const { return in_; }
  int out() const { return out_; }

 private:
  struct Packed;
  std::shared_ptr<Packed> packed_;
  int in_, out_;
};

/** The plain formula, MLX ops only. */
mx::array conv2d_reference(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias,
                           int stride, Padding padding);

}  // namespace corepulse::kernels
