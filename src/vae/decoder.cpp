#include "vae/decoder.h"

#include "kernels/settle.h"

namespace corepulse::vae {

Decoder::Decoder(const nn::Weights& w, const Config& config)
    : conv_in(w / "conv_in", config.latent_channels, config.channels.back(), 3),
      mid_block(w / "mid_block", config),
      conv_norm_out(w / "conv_norm_out", config.channels[0], config.norm_groups, kNormEps),
      conv_out(w / "conv_out", config.channels[0], config.out_channels, 3) {
  const int levels = static_cast<int>(config.channels.size());
  int in = config.channels.back();
  for (int b = 0; b < levels; ++b) {
    const auto block = w / "up_blocks" / b;
    const int out = config.channels[levels - 1 - b];
    auto& up = up_blocks.emplace_back();
    for (int l = 0; l < config.layers_per_block + 1; ++l)
      up.resnets.emplace_back(block / "resnets" / l, l ? out : in, out, config.norm_groups, kNormEps);
    if (b + 1 < levels) up.upsamplers_0_conv.emplace(block / "upsamplers" / 0 / "conv", out, out, 3);
    in = out;
  }
}

mx::array Decoder::operator()(const mx::array& z) const {
  auto h = mid_block(conv_in(z));
  for (const auto& block : up_blocks) {
    for (const auto& resnet : block.resnets) h = resnet(h);
    if (block.upsamplers_0_conv)
      h = kernels::settle(block.upsamplers_0_conv->upsampled(h, 2 * h.shape(1), 2 * h.shape(2)));
  }
  return conv_out(conv_norm_out.silu(h));
}

}  // namespace corepulse::vae
