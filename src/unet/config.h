#pragma once
// The shape of a UNet, as Diffusers' UNet2DConditionModel config says it.

#include <optional>
#include <string>
#include <vector>

namespace corepulse::unet {

/** One level of the UNet: a down block and the up block that mirrors it. */
struct Level {
  int channels = 320;
  bool down_attention = true;  ///< CrossAttnDownBlock2D, else DownBlock2D.
  bool up_attention = true;    ///< CrossAttnUpBlock2D for the up block at this resolution, else UpBlock2D.
  int heads = 8;               ///< Attention heads at this level.
  int depth = 1;               ///< BasicTransformerBlocks per Transformer2D.
};

struct Config {
  int in_channels = 4, out_channels = 4;  ///< in: 9 for inpainting (latent, mask, masked latent).
  std::vector<Level> levels;              ///< From the finest to the coarsest.
  int layers_per_block = 2;
  bool middle_attention = true;  ///< UNetMidBlock2DCrossAttn.
  int middle_depth = 1, middle_heads = 8;
  int context_width = 768;         ///< cross_attention_dim.
  bool linear_projection = false;  ///< proj_in / proj_out are linear layers (SD2, SDXL).
  int norm_groups = 32;
  float norm_eps = 1e-5f;
  bool flip_sin_to_cos = true;
  double freq_shift = 0;
  int downsample_padding = 1;
  bool upcast_attention = false;  ///< SD2.1: logits in float32 on GPU.
  int addition_time_width = 0;    ///< SDXL: 256 per size id; 0 = no added conditioning.
  int addition_input = 0;         ///< SDXL: 2816 = pooled 1280 + 6 * 256.
  int time_cond_width = 0;        ///< time_cond_proj_dim of LCM-distilled UNets; 0 = none.
  int sample_size = 64;           ///< Native latent size.
};

}  // namespace corepulse::unet
