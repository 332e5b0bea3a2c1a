#pragma once
// From picture to latent distribution (Kingma & Welling 2013; Diffusers' Encoder).

#include "vae/blocks.h"

namespace corepulse::vae {

struct Encoder {
  Encoder(const nn::Weights& w, const Config& config);
  mx::array operator()(const mx::array& x) const;  // [B, H, W, 3] -> [B, H/8, W/8, 2 * latent channels]

  struct DownBlock {
    std::vector<nn::ResnetBlock> resnets;
    std::optional<nn::Conv2d> downsamplers_0_conv;
  };
  nn::Conv2d conv_in;
  std::vector<DownBlock> down_blocks;
  MiddleBlock mid_block;
  nn::GroupNorm conv_norm_out;
  nn::Conv2d conv_out;
};

}  // namespace corepulse::vae
