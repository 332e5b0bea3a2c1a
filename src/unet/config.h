#pragma once
// The shape of a UNet, as Diffusers' UNet2DConditionModel config says it.

#include <optional>
#include <string>
#include <vector>

namespace corepulse::unet {

/** One level of the UNet: a down block and the up block that mirrors it. */
struct Level {
  int channels = 320;
  int heads = 8;  ///< Attention heads at this level; 1 without attention.
  /** By resnet: BasicTransformerBlocks of the Transformer2D behind it; 0: there is none. An up block has one more. */
  std::vector<int> down{1, 1}, up{1, 1, 1};
  bool self = true;  ///< attn1 looks at the picture; false: it reads the text, as attn2 does (only_cross_attention).

  bool attends() const;  ///< Anywhere at this level, the middle block left out.
};

struct Config {
  int in_channels = 4, out_channels = 4;  ///< in: 9 for inpainting (latent, mask, masked latent); 8: latent, picture.
  std::vector<Level> levels;              ///< From the finest to the coarsest.
  /** 2 around a transformer (UNetMidBlock2DCrossAttn), 1 (UNetMidBlock2D); 0: there is no middle block. */
  int middle_resnets = 2;
  int middle_depth = 1, middle_heads = 8;  ///< Depth 0: the middle block has no transformer.
  int context_width = 768;                 ///< cross_attention_dim.
  bool linear_projection = false;          ///< proj_in / proj_out are linear layers (SD2, SDXL).
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
  bool time_is_sigma = false;     ///< It is told log(sigma) / 4 instead of a timestep (EDM).
};

/** Channels of every skip the down half leaves behind, in the order in which they are made. */
std::vector<int> skip_channels(const Config& config);

/** N of LDM's input_blocks.N and output_blocks.N for a resnet of down_blocks.`block`, up_blocks.`block`. */
int ldm_input(const Config& config, int block, int layer);
int ldm_output(const Config& config, int block, int layer);

}  // namespace corepulse::unet
