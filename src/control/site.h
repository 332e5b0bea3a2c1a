#pragma once
// The names of layers: of attention layers, where controls act, and of every linear layer and convolution.

#include <string>
#include <vector>

namespace corepulse::control {

enum class BlockKind { input, middle, output, none };

/** One attention layer of a UNet: where it stands, as CorePulse counts and as the checkpoint spells it. */
struct Site {
  int index = 0;  ///< Position among all attention layers of the UNet, in order of execution.
  BlockKind kind = BlockKind::input;
  int block = 0;      ///< down_blocks.N / up_blocks.N; 0 for the middle.
  int attention = 0;  ///< Which Transformer2D of the block.
  int depth = 0;      ///< Which BasicTransformerBlock of it.
  bool cross = true;  ///< attn2 (reads the text) or attn1 (reads the picture itself).
  int heads = 1;
  int level = 0;      ///< How often the latent was halved (rounding up) to reach this layer's token grid.
  int ldm_block = 0;  ///< N of LDM's input_blocks.N / output_blocks.N; 0 for the middle.
  std::string path;   ///< "up_blocks.0.attentions.2.transformer_blocks.7.attn2".
};

/**
 * A linear layer or a convolution of a UNet; weights and patches that say `where` mean these. `site` is its place: the
 * path is its own; attention and depth are -1 and heads 0 where it belongs to no attention; kind is none outside blocks
 * (conv_in, time_embedding.linear_1, conv_out), which only `all` and the path name.
 */
struct Layer {
  Site site;
  int kernel = 1;       ///< Of a convolution: kernel x kernel; 1: a product.
  int in = 0, out = 0;  ///< Channels.
};

/** Where an up block of the UNet puts what comes up and a skip together, in front of a resnet. */
struct Joint {
  Site site;      ///< The resnet's, as a layer of no attention; index: by order of execution.
  int width = 1;  ///< The channels that come up, as a multiple of conv_in's.
};

/** Tokens of a picture at one layer: rows x columns. */
struct Grid {
  int height = 0, width = 0;
  int tokens() const { return height * width; }
};

/** The token grid of a layer for a latent of this size (each level halves, rounding up). */
inline Grid grid(const Site& site, int latent_height, int latent_width) {
  Grid g{latent_height, latent_width};
  for (int i = 0; i < site.level; ++i) g = {(g.height + 1) / 2, (g.width + 1) / 2};
  return g;
}

}  // namespace corepulse::control
