#pragma once
// Diffusers' ResnetBlock2D: two convolutions around a residual; the UNet's also hears the time.

#include <functional>
#include <optional>
#include <vector>

#include "nn/layers.h"

namespace corepulse::nn {

/** What the resnets of a network hear of the moment. */
struct TimeRows {
  mx::array embedding;          // [B, width], behind SiLU
  std::vector<mx::array> rows;  ///< What every resnet makes of it: [B, out] each, in the order in which they were made.
  bool changed = false;         ///< With all that stands beside those layers.
};

/** How a resnet hears the moment. */
struct TimeInput {
  int width;                         ///< Of the time embedding.
  std::vector<Linear>& projections;  ///< Of all resnets: each adds its own.
};

struct ResnetBlock {
  /** Is shown what the resnet adds to its input [B, H, W, out] -> what is to be added to that, float32; or nothing. */
  using Seen = std::function<std::optional<mx::array>(const mx::array& added)>;

  /** @param time nothing for the VAE's, which hear of no moment. */
  ResnetBlock(const Weights& w, int in, int out, int groups, float eps, std::optional<TimeInput> time = {});

  /**
   * x [B, H, W, in] -> [B, H, W, out].
   * @param time the UNet's; null for the VAE. @param beside see layers.h. @param seen empty: nobody looks. One that
   * gives nothing, or zeros, leaves every bit; it costs the second convolution once more.
   */
  mx::array operator()(const kernels::Beside& x, const TimeRows* time = nullptr, const Branches* beside = nullptr,
                       const Seen& seen = {}) const;

  GroupNorm norm1;
  Conv2d conv1;
  GroupNorm norm2;
  Conv2d conv2;
  std::optional<Linear> conv_shortcut;  // 1x1: each pixel by itself is a matrix product

 private:
  std::optional<size_t> time_row_;  ///< That of time_emb_proj,
  std::string time_path_;           ///< and its path.
};

}  // namespace corepulse::nn
