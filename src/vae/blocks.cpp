#include "vae/blocks.h"

#include <cmath>

#include "kernels/attention.h"

namespace corepulse::vae {

Attention::Attention(const nn::Weights& w, int channels, int groups)
    : group_norm(w / "group_norm", channels, groups, kNormEps),
      to_q(w / "to_q", channels, channels),
      to_k(w / "to_k", channels, channels),
      to_v(w / "to_v", channels, channels),
      to_out(w / "to_out" / 0, channels, channels) {}

mx::array Attention::operator()(const mx::array& x) const {
  const int batch = x.shape(0), tokens = x.shape(1) * x.shape(2), channels = x.shape(3);
  const auto h = mx::reshape(group_norm(x), {batch, tokens, channels});
  const float scale = 1 / std::sqrt(static_cast<float>(channels));
  const auto y = kernels::attention(to_q(h), to_k(h), to_v(h), {.heads = 1, .scale = scale});
  return kernels::add(x, mx::reshape(to_out(y), x.shape()));
}

MiddleBlock::MiddleBlock(const nn::Weights& w, const Config& config) {
  const int channels = config.channels.back();
  for (int i = 0; i < 2; ++i) resnets.emplace_back(w / "resnets" / i, channels, channels, config.norm_groups, kNormEps);
  if (config.middle_attention) attentions_0.emplace(w / "attentions" / 0, channels, config.norm_groups);
}

mx::array MiddleBlock::operator()(mx::array x) const {
  x = resnets[0](x);
  if (attentions_0) x = (*attentions_0)(x);
  return resnets[1](x);
}

}  // namespace corepulse::vae
