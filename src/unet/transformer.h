#pragma once
// Transformer2D: the picture as a sequence of tokens, attending to itself and to the text.

#include <optional>
#include <variant>
#include <vector>

#include "attention/attention.h"
#include "unet/config.h"

namespace corepulse::unet {

using attention::Attention, attention::Pass;

/** GEGLU feed-forward, four times as wide inside. */
struct FeedForward {
  FeedForward(const nn::Weights& w, int channels);
  kernels::Sum operator()(const mx::array& x, const Pass& pass) const;
  nn::Linear net_0_proj, net_2;
};

struct TransformerBlock {
  TransformerBlock(const nn::Weights& w, const control::Site& self, const control::Site& cross, int channels,
                   int context_width);
  mx::array operator()(kernels::Sum x, const Pass& pass) const;  // [B, H*W, C]
  nn::LayerNorm norm1;
  Attention attn1;
  nn::LayerNorm norm2;
  Attention attn2;
  FeedForward ff;
  nn::LayerNorm norm3;
};

struct Transformer2D {
  /** @param sites the attention layers of this transformer: attn1, attn2, attn1, attn2, ... by depth.
   */
  Transformer2D(const nn::Weights& w, const Config& config, int channels, const std::vector<control::Site>& sites);
  mx::array operator()(const mx::array& x, const Pass& pass) const;  // [B, H, W, C]
  nn::GroupNorm norm;
  // A 1x1 convolution and a linear layer are the same matrix; checkpoints store either.
  nn::Linear proj_in;
  std::vector<TransformerBlock> transformer_blocks;
  nn::Linear proj_out;
};

}  // namespace corepulse::unet
