#pragma once
// The shape of an AutoencoderKL.

#include <array>
#include <optional>
#include <vector>

namespace corepulse::vae {

struct Config {
  int in_channels = 3, out_channels = 3, latent_channels = 4;
  std::vector<int> channels{128, 256, 512, 512};  ///< block_out_channels, finest first.
  int layers_per_block = 2;
  int norm_groups = 32;
  float scaling_factor = 0.18215f;  ///< latent = scaling * (mode - shift).
  float shift_factor = 0;
  bool quant_conv = true, post_quant_conv = true;
  bool middle_attention = true;
  bool force_float32 = false;  ///< Instead of float16, in which SDXL's overflows.
  /** Playground 2.5: latent = (x - mean) / std * 0.5 per channel; empty for others. */
  std::vector<float> latents_mean, latents_std;
  int sample_size = 512;
  int downscale() const { return 1 << (channels.size() - 1); }  ///< 8 for SD: pixels per latent.
};

}  // namespace corepulse::vae
