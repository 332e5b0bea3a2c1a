#include "unet/control_net.h"

#include <algorithm>

#include "unet/sites.h"

namespace corepulse::unet {

HintEncoder::HintEncoder(const nn::Weights& w, const ControlNetConfig& config)
    : conv_in(w / "conv_in", config.hint_channels, config.hint[0], 3),
      conv_out(w / "conv_out", config.hint.back(), config.trunk.levels[0].channels, 3) {
  for (size_t i = 0; i + 1 < config.hint.size(); ++i) {
    const int at = 2 * static_cast<int>(i);
    blocks.emplace_back(w / "blocks" / at, config.hint[i], config.hint[i], 3);
    blocks.emplace_back(w / "blocks" / (at + 1), config.hint[i], config.hint[i + 1], 3, 2);
  }
}

mx::array HintEncoder::operator()(mx::array x) const {
  x = kernels::silu(conv_in(x));
  for (const auto& block : blocks) x = kernels::silu(block(x));
  return conv_out(x);
}

ControlNet::ControlNet(const nn::Weights& w, const ControlNetConfig& config)
    : config_(config),
      sites_(unet::sites(config.trunk)),
      moment_(w, config.trunk),
      conv_in_(w / "conv_in", config.trunk.in_channels, config.trunk.levels[0].channels, 3),
      controlnet_cond_embedding_(w / "controlnet_cond_embedding", config) {
  const auto& trunk = config_.trunk;
  if (config.types > 0) several_types_.emplace(w, trunk, config.types, config.type_width);
  std::vector<nn::Linear> projections;
  const BlockContext context{trunk, sites_, {time_width(trunk), projections}};
  const int levels = static_cast<int>(trunk.levels.size());
  for (int b = 0; b < levels; ++b)
    down_blocks_.emplace_back(w / "down_blocks" / b, context, b, trunk.levels[std::max(b - 1, 0)].channels,
                              trunk.levels[b].channels);
  const int coarsest = trunk.levels.back().channels;
  if (trunk.middle_resnets > 0) mid_block_.emplace(w / "mid_block", context, coarsest);
  int i = 0;
  for (const int channels : skip_channels(trunk))
    controlnet_down_blocks_.emplace_back(w / "controlnet_down_blocks" / i++, channels, channels);
  if (mid_block_) controlnet_mid_block_.emplace(w / "controlnet_mid_block", coarsest, coarsest);
  time_projections_.emplace(std::vector<kernels::Linear>(projections.begin(), projections.end()));
}

CallInputs::Hint ControlNet::hint(const mx::array& picture, int type) const {
  const auto seen = controlnet_cond_embedding_(picture);
  if (!several_types_) return {seen};
  return {seen + several_types_->word(type, seen), several_types_->moment(type)};
}

std::vector<mx::array> ControlNet::operator()(const CallInputs& inputs, const Pass& pass) const {
  const auto& [picture, type] = inputs.hint.value();
  const auto moment = moment_(inputs);
  const auto embedding = kernels::silu(type ? moment + *type : moment);
  const nn::TimeRows time{embedding, (*time_projections_)(embedding)};
  auto x = inputs.sample;
  if (const auto shape = x.shape(); shape[3] > config_.trunk.in_channels)
    x = mx::slice(x, {0, 0, 0, 0}, {shape[0], shape[1], shape[2], config_.trunk.in_channels});
  mx::array h = mx::add(conv_in_(x).array(), picture);
  Skips skips{{}, inputs.features};
  h = skips.leave(h);
  Resnets through(time, pass);
  for (const auto& block : down_blocks_) h = block(h, through, pass, skips);
  if (mid_block_) h = (*mid_block_)(h, through, pass);
  std::vector<mx::array> residuals;
  for (size_t i = 0; i < skips.left.size(); ++i) residuals.push_back(controlnet_down_blocks_[i](skips.left[i]));
  if (controlnet_mid_block_) residuals.push_back((*controlnet_mid_block_)(h));
  return residuals;
}

}  // namespace corepulse::unet
