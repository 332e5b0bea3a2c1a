#include "vae/encoder.h"

namespace corepulse::vae {

Encoder::Encoder(const nn::Weights& w, const Config& config)
    : conv_in(w / "conv_in", config.in_channels, config.channels[0], 3),
      mid_block(w / "mid_block", config),
      conv_norm_out(w / "conv_norm_out", config.channels.back(), config.norm_groups, kNormEps),
      conv_out(w / "conv_out", config.channels.back(), 2 * config.latent_channels, 3) {
  const int levels = static_cast<int>(config.channels.size());
  int in = config.channels[0];
  for (int b = 0; b < levels; ++b) {
    const auto block = w / "down_blocks" / b;
    const int out = config.channels[b];
    auto& down = down_blocks.emplace_back();
    for (int l = 0; l < config.layers_per_block; ++l)
      down.resnets.emplace_back(block / "resnets" / l, l ? out : in, out, config.norm_groups, kNormEps);
    if (b + 1 < levels)  // padded on the right and at the bottom only, as the original model was trained
      down.downsamplers_0_conv.emplace(block / "downsamplers" / 0 / "conv", out, out, 3, 2,
                                       kernels::Padding{0, 1, 0, 1});
    in = out;
  }
}

mx::array Encoder::operator()(const mx::array& x) const {
  mx::array h = conv_in(x);
  for (const auto& block : down_blocks) {
    for (const auto& resnet : block.resnets) h = resnet(h);
    if (block.downsamplers_0_conv) h = (*block.downsamplers_0_conv)(h);
  }
  return conv_out(conv_norm_out.silu(mid_block(h)));
}

}  // namespace corepulse::vae
