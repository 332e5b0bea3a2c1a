#pragma once
// From latent to picture (Diffusers' Decoder).

#include "vae/blocks.h"

namespace corepulse::vae {

struct Decoder {
  Decoder(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& z) const;  // [B, h, w, latent channels] -> [B, 8h, 8w, 3]

  struct UpBlock {
    std::vector<nn::ResnetBlock> resnets;
    std::optional<nn::Conv2d> upsamplers_0_conv;
  };
  nn::Conv2d conv_in;
  MiddleBlock mid_block;
  std::vector<UpBlock> up_blocks;
  nn::GroupNorm conv_norm_out;
  nn::Conv2d conv_out;
};

}  // namespace corepulse::vae
