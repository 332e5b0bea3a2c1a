#pragma once
// Diffusers' ResnetBlock2D: two convolutions around a residual; the UNet's also hears the time.

#include <optional>
#include <vector>

#include "nn/layers.h"

namespace corepulse::nn {

/** What every resnet of a network makes of the moment: [B, out] each, in the order in which they were made. */
using TimeRows = std::vector<mx::array>;

/** How a resnet hears the moment. */
struct TimeInput {
  int width;                                  ///< Of the time embedding.
  std::vector<kernels::Linear>& projections;  ///< Of all resnets: each adds its own.
};

struct ResnetBlock {
  /** @param time nothing for the VAE's, which hear of no moment. */
  ResnetBlock(const Weights& w, int in, int out, int groups, float eps, std::optional<TimeInput> time = {});

  /**
   * x [B, H, W, in] -> [B, H, W, out].
   * @param time the UNet's; null for the VAE.
   */
  mx::array operator()(const kernels::Beside& x, const TimeRows* time = nullptr) const;

  GroupNorm norm1;
  Conv2d conv1;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> conv_shortcut;  // 1x1: each pixel by itself is a matrix product

 private:
  std::optional<size_t> time_row_;  ///< That of time_emb_proj.
};

}  // namespace corepulse::nn
