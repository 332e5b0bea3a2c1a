#include "unet/t2i_adapter.h"

#include "mlx/ops.h"

namespace corepulse::unet {
namespace {

/** Its right and lower edge repeated until both sides divide. */
mx::array filled_up(const mx::array& x, int side) {
  const int height = x.shape(1), width = x.shape(2);
  const auto missing = [&](int n) { return (side - n % side) % side; };
  if (missing(height) == 0 && missing(width) == 0) return x;
  return mx::pad(x, {{0, 0}, {0, missing(height)}, {0, missing(width)}, {0, 0}}, mx::array(0), "edge");
}

/** [1, H, W, C] -> [1, H / side, W / side, C * side * side]: by channel, its pixels in rows. */
mx::array unshuffled(const mx::array& x, int side) {
  const int height = x.shape(1) / side, width = x.shape(2) / side, channels = x.shape(3);
  const auto apart = mx::reshape(x, {1, height, side, width, side, channels});
  return mx::reshape(mx::transpose(apart, {0, 1, 3, 5, 2, 4}), {1, height, width, channels * side * side});
}

/** Means of 2x2; at an odd edge, of what there is. */
mx::array halved(const mx::array& picture) {
  const auto x = filled_up(picture, 2);
  return mx::mean(mx::reshape(x, {1, x.shape(1) / 2, 2, x.shape(2) / 2, 2, x.shape(3)}), {2, 4});
}

}  // namespace

T2iAdapter::Resnet::Resnet(const nn::Weights& w, int channels, bool light)
    : block1(w / "block1", channels, channels, 3), block2(w / "block2", channels, channels, light ? 3 : 1) {}

mx::array T2iAdapter::Resnet::operator()(const mx::array& x) const {
  const auto h = block1(x).array();
  return x + block2(mx::maximum(h, like(0, h))).array();
}

T2iAdapter::Block::Block(const nn::Weights& w, const T2iAdapterConfig& config, int in,
                         const T2iAdapterConfig::Block& own)
    : halves(own.halves) {
  const int inside = config.light ? own.channels / 4 : own.channels;
  if (config.light || in != own.channels) in_conv.emplace(w / "in_conv", in, inside, 1);
  for (int i = 0; i < config.resnets; ++i) resnets.emplace_back(w / "resnets" / i, inside, config.light);
  if (config.light) out_conv.emplace(w / "out_conv", inside, own.channels, 1);
}

mx::array T2iAdapter::Block::operator()(mx::array x) const {
  if (halves) x = halved(x);
  if (in_conv) x = (*in_conv)(x);
  for (const auto& resnet : resnets) x = resnet(x);
  return out_conv ? (*out_conv)(x).array() : x;
}

T2iAdapter::T2iAdapter(const nn::Weights& w, const T2iAdapterConfig& config) : config_(config) {
  const auto adapter = w / "adapter";
  int channels = config.picture_channels * config.unshuffle * config.unshuffle;
  if (!config.light) {
    conv_in_.emplace(adapter / "conv_in", channels, config.blocks[0].channels, 3);
    channels = config.blocks[0].channels;
  }
  for (size_t i = 0; i < config.blocks.size(); ++i) {
    body_.emplace_back(adapter / "body" / static_cast<int>(i), config, channels, config.blocks[i]);
    channels = config.blocks[i].channels;
  }
}

std::vector<mx::array> T2iAdapter::operator()(mx::array picture) const {
  if (config_.picture_channels == 1) picture = mx::mean(picture, 3, /*keepdims=*/true);
  auto x = unshuffled(filled_up(picture, config_.unshuffle), config_.unshuffle);
  if (conv_in_) x = (*conv_in_)(x);
  std::vector<mx::array> all;
  for (const int channels : config_.skip_channels) all.push_back(mx::zeros({1, 1, 1, channels}, x.dtype()));
  for (size_t i = 0; i < body_.size(); ++i) all[static_cast<size_t>(config_.blocks[i].skip)] = x = body_[i](x);
  return all;
}

}  // namespace corepulse::unet
