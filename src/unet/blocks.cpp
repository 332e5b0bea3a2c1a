#include "unet/blocks.h"

#include <tuple>

#include "unet/freeu.h"
#include "unet/sites.h"

namespace corepulse::unet {

using control::BlockKind;

DownBlock::DownBlock(const nn::Weights& w, const BlockContext& context, int index, int in, int out) {
  const auto& config = context.config;
  const bool last = index + 1 == static_cast<int>(config.levels.size());
  const auto& depths = config.levels[index].down;
  attentions.reserve(depths.size());
  for (int l = 0; l < static_cast<int>(depths.size()); ++l) {
    resnets.emplace_back(w / "resnets" / l, l ? out : in, out, config.norm_groups, config.norm_eps, context.time);
    auto& attention = attentions.emplace_back();
    if (depths[l] > 0)
      attention.emplace(w / "attentions" / l, config, out, sites_of(context.sites, BlockKind::input, index, l));
  }
  if (last) return;
  const auto padding = config.downsample_padding ? kernels::Padding::same(config.downsample_padding)
                                                 : kernels::Padding{0, 1, 0, 1};  // as Diffusers' Downsample2D
  downsamplers_0.emplace(w / "downsamplers" / 0, out, 2, padding);
}

mx::array DownBlock::operator()(mx::array x, Resnets& through, const Pass& pass, Skips& skips) const {
  for (size_t l = 0; l < resnets.size(); ++l) {
    x = through(resnets[l], x);
    if (attentions[l]) x = (*attentions[l])(x, pass);
    x = skips.leave(std::move(x));
  }
  if (downsamplers_0) x = skips.leave(downsamplers_0->conv(x, pass.beside));
  return x;
}

MiddleBlock::MiddleBlock(const nn::Weights& w, const BlockContext& context, int channels) {
  const auto& config = context.config;
  for (int i = 0; i < config.middle_resnets; ++i)
    resnets.emplace_back(w / "resnets" / i, channels, channels, config.norm_groups, config.norm_eps, context.time);
  if (config.middle_depth > 0)
    attentions_0.emplace(w / "attentions" / 0, config, channels, sites_of(context.sites, BlockKind::middle, 0, 0));
}

mx::array MiddleBlock::operator()(mx::array x, Resnets& through, const Pass& pass) const {
  x = through(resnets[0], x);
  if (attentions_0) x = (*attentions_0)(x, pass);
  return resnets.size() > 1 ? through(resnets[1], x) : x;
}

UpBlock::UpBlock(const nn::Weights& w, const BlockContext& context, int index, int in, int out,
                 const std::vector<int>& skip_channels) {
  const auto& config = context.config;
  const int levels = static_cast<int>(config.levels.size());
  const auto& depths = config.levels[levels - 1 - index].up;
  for (int b = 0; b < index; ++b) first_joint += static_cast<int>(config.levels[levels - 1 - b].up.size());
  attentions.reserve(depths.size());
  for (size_t l = 0; l < skip_channels.size(); ++l) {
    const int layer = static_cast<int>(l);
    resnets.emplace_back(w / "resnets" / layer, (l ? out : in) + skip_channels[l], out, config.norm_groups,
                         config.norm_eps, context.time);
    auto& attention = attentions.emplace_back();
    if (depths[l] > 0)
      attention.emplace(w / "attentions" / layer, config, out,
                        sites_of(context.sites, BlockKind::output, index, layer));
  }
  if (index + 1 < levels) upsamplers_0.emplace(w / "upsamplers" / 0, out, 1, kernels::Padding::same(1));
}

mx::array UpBlock::operator()(mx::array x, Resnets& through, const Pass& pass, std::vector<mx::array>& skips,
                              std::span<const CallInputs::Gain>& gains) const {
  for (size_t l = 0; l < resnets.size(); ++l) {
    auto skip = skips.back();
    skips.pop_back();
    while (!gains.empty() && gains.front().joint == first_joint + static_cast<int>(l)) {
      std::tie(x, skip) = joined(x, skip, gains.front());
      gains = gains.subspan(1);
    }
    x = through(resnets[l], {x, skip});
    if (attentions[l]) x = (*attentions[l])(x, pass);
  }
  if (!upsamplers_0) return x;
  // Sizes that were odd before halving: the next skip says how large this level really is.
  const auto& next = skips.back().shape();
  return upsamplers_0->conv.upsampled(x, next[1], next[2], pass.beside);
}

}  // namespace corepulse::unet
