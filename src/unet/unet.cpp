#include "unet/unet.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace corepulse::unet {

namespace {

/** The middle block's is the last. */
void add_residuals(const std::vector<mx::array>& residuals, std::vector<mx::array>& skips, mx::array& middle) {
  if (residuals.size() < skips.size() || residuals.size() > skips.size() + 1)
    fail(ErrorCode::internal, "unet", "as many residuals as there are skips, and the middle block's, were expected");
  for (size_t i = 0; i < skips.size(); ++i) skips[i] = skips[i] + residuals[i];
  if (residuals.size() > skips.size()) middle = middle + residuals.back();
}

}  // namespace

UNet::UNet(const nn::Weights& w, const Config& config)
    : config_(config),
      sites_(unet::sites(config)),
      resnets_(unet::resnets(config)),
      moment_(w, config),
      conv_in_(w / "conv_in", config.in_channels, config.levels[0].channels, 3),
      conv_norm_out_(w / "conv_norm_out", config.levels[0].channels, config.norm_groups, config.norm_eps),
      conv_out_(w / "conv_out", config.levels[0].channels, config.out_channels, 3) {
  std::vector<nn::Linear> projections;
  const BlockContext context{config_, sites_, {time_width(config), projections}};
  const int levels = static_cast<int>(config.levels.size());
  for (int b = 0; b < levels; ++b)
    down_blocks_.emplace_back(w / "down_blocks" / b, context, b, config.levels[std::max(b - 1, 0)].channels,
                              config.levels[b].channels);
  if (config.middle_resnets > 0) mid_block_.emplace(w / "mid_block", context, config.levels.back().channels);
  auto skips = skip_channels(config);
  int channels = config.levels.back().channels;
  for (int b = 0; b < levels; ++b) {
    const int out = config.levels[levels - 1 - b].channels;
    const int layers = static_cast<int>(config.levels[levels - 1 - b].up.size());
    const std::vector<int> taken(skips.rbegin(), skips.rbegin() + layers);
    skips.resize(skips.size() - layers);
    up_blocks_.emplace_back(w / "up_blocks" / b, context, b, channels, out, taken);
    channels = out;
  }
  w.require_all_taken();
  for (const auto& layer : projections) time_layers_.push_back(layer.path);
  time_projections_.emplace(std::vector<kernels::Linear>(projections.begin(), projections.end()));
}

CallInputs UNet::inputs(const mx::array& x, const Pass& pass, const std::optional<AddedConditioning>& added) const {
  const auto numbers = [&](const std::vector<float>& values, int width) {
    return sinusoids(values, width, config_.flip_sin_to_cos, config_.freq_shift, x.dtype());
  };
  const double time = config_.time_is_sigma ? std::log(pass.step.sigma) / 4 : pass.step.t;
  const std::vector<float> t(pass.step.rows.size(), static_cast<float>(time));
  CallInputs inputs{x, numbers(t, config_.levels[0].channels), {}};
  if (pass.beside) inputs.beside = pass.beside->numbers();
  if (!moment_.add_embedding) return inputs;
  if (!added) fail(ErrorCode::internal, "unet", "this UNet needs pooled text and size ids");
  std::vector<float> ids;
  for (const auto& row : added->time_ids) ids.insert(ids.end(), row.begin(), row.end());
  const auto sizes = numbers(ids, config_.addition_time_width);
  inputs.added = {mx::astype(added->pooled, x.dtype()),
                  mx::reshape(sizes, {static_cast<int>(added->time_ids.size()), -1})};
  return inputs;
}

mx::array UNet::operator()(const mx::array& x, const Pass& pass, const std::optional<AddedConditioning>& added) const {
  return (*this)(inputs(x, pass, added), pass);
}

mx::array UNet::operator()(const CallInputs& inputs, const Pass& pass) const {
  check_shape(inputs.sample, {static_cast<int>(pass.step.rows.size()), -1, -1, config_.in_channels}, "unet");
  // Every block passes the embedding through SiLU first: once here.
  const auto embedding = kernels::silu(moment_(inputs));
  const auto changed = pass.beside && kernels::on_cuda()
                           ? pass.beside->joined(time_layers_, embedding, *time_projections_)
                           : std::nullopt;
  const nn::TimeRows time{embedding, changed ? *changed : (*time_projections_)(embedding), changed.has_value()};
  Resnets through(time, pass, inputs, resnets_);
  Skips skips{{}, inputs.features};
  mx::array h = skips.leave(conv_in_(inputs.sample, pass.beside));
  int place = 0;
  const auto shown = [&](const mx::array& made) { return seen(pass, attention::Point::block, place++, made); };
  // What a block makes is the last of its skips, too.
  for (const auto& block : down_blocks_) skips.left.back() = h = shown(block(h, through, pass, skips));
  if (mid_block_) h = shown((*mid_block_)(h, through, pass));
  if (inputs.features.size() > skips.left.size()) h = h + inputs.features.back();
  if (!inputs.residuals.empty()) add_residuals(inputs.residuals, skips.left, h);
  std::span<const CallInputs::Gain> gains(inputs.gains);
  for (const auto& block : up_blocks_) h = shown(block(h, through, pass, skips.left, gains));
  return seen(pass, attention::Point::prediction, 0, conv_out_(conv_norm_out_.silu(h, pass.beside), pass.beside));
}

}  // namespace corepulse::unet
