#pragma once
// Diffusers' ResnetBlock2D: two convolutions around a residual; the UNet's also hears the time.

#include <map>
#include <optional>

#include "nn/layers.h"

namespace corepulse::nn {

/** When: a UNet call's time embedding, and what the call's resnets make of it. */
class Time {
 public:
  /**
   * embedding [B, time_width], already through SiLU. @param all every resnet's time_emb_proj: on CUDA one product,
   * since one by one each of them waits for its weights.
   */
  Time(mx::array embedding, const kernels::JoinedLinear& all);
  explicit Time(mx::array embedding) : embedding_(std::move(embedding)) {}
  /** [B, out] */
  mx::array projected(const kernels::Linear& time_emb_proj) const;

 private:
  mx::array embedding_;
  std::map<const void*, mx::array> rows_;  ///< By Linear::id().
};

struct ResnetBlock {
  /** @param time_width width of the time embedding; 0 for the VAE, which has none. */
  ResnetBlock(const Weights& w, int in, int out, int groups, float eps, int time_width = 0);

  /**
   * x [B, H, W, in] -> [B, H, W, out].
   * @param time the UNet's; null for the VAE.
   * @param skip the last channels, if they are not x's: what an up block of the UNet concatenates.
   */
  mx::array operator()(const mx::array& x, const Time* time = nullptr, const std::optional<mx::array>& skip = {}) const;

  GroupNorm norm1;
  Conv2d conv1;
  std::optional<Linear> time_emb_proj;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> conv_shortcut;  // 1x1: each pixel by itself is a matrix product
};

}  // namespace corepulse::nn
