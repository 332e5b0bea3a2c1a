#pragma once
// The blocks that encoder and decoder share: attention at the coarsest level, and the middle around
// it.

#include <optional>
#include <vector>

#include "nn/resnet_block.h"
#include "vae/config.h"

namespace corepulse::vae {

/** Single-head self-attention over all pixels. */
struct Attention {
  Attention(const nn::Weights& w, int channels, int groups);
  mx::array operator()(const mx::array& x) const;  // [B, H, W, C]
  nn::GroupNorm group_norm;
  nn::Linear to_q, to_k, to_v, to_out;
};

struct MiddleBlock {
  MiddleBlock(const nn::Weights& w, const Config& config);
  mx::array operator()(mx::array x) const;
  std::vector<nn::ResnetBlock> resnets;
  std::optional<Attention> attentions_0;
};

inline constexpr float kNormEps = 1e-6f;

}  // namespace corepulse::vae
