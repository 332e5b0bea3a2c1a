#pragma once
// Diffusers' ResnetBlock2D: two convolutions around a residual; the UNet's also hears the time.

#include <optional>

#include "nn/layers.h"

namespace corepulse::nn {

struct ResnetBlock {
  /** @param time_width width of the time embedding; 0 for the VAE, which has none. */
  ResnetBlock(const Weights& w, int in, int out, int groups, float eps, int time_width = 0);

  /**
   * x [B, H, W, in]; time [B, time_width], already through SiLU -> [B, H, W, out].
   * @param skip the last channels, if they are not x's: what an up block of the UNet concatenates.
   */
  mx::array operator()(const mx::array& x, const std::optional<mx::array>& time = {},
                       const std::optional<mx::array>& skip = {}) const;

  GroupNorm norm1;
  Conv2d conv1;
  std::optional<Linear> time_emb_proj;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> conv_shortcut;  // 1x1: each pixel by itself is a matrix product
};

}  // namespace corepulse::nn
