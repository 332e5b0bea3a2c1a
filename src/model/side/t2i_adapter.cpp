// A T2I-Adapter's shape, read off its tensors and held against the model's UNet.
#include <algorithm>
#include <fmt/format.h>

#include "model/side/reader.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

using unet::T2iAdapterConfig;

/** Channels of the picture, and how much of it becomes one pixel: SDXL's take 16x16, others 8x8. */
void read_input(const SideReader& reader, T2iAdapterConfig& config) {
  const int in = reader.size(config.light ? "adapter.body.0.in_conv.weight" : "adapter.conv_in.weight", 1);
  for (const int unshuffle : {8, 16})
    for (const int channels : {1, 3})
      if (in == channels * unshuffle * unshuffle) config.unshuffle = unshuffle, config.picture_channels = channels;
  if (in != config.picture_channels * config.unshuffle * config.unshuffle)
    reader.unsupported(fmt::format("its first layer reads {} channels; expected 64 or 192, or SDXL's 256 or 768", in));
}

/** Where Diffusers adds the feature of a down block: before it is halved, if the block looks at anything. */
int place_of(const std::vector<control::Site>& skips, const unet::Config& unet, int block) {
  const auto& down = unet.levels[static_cast<size_t>(block)].down;
  const bool attends = std::any_of(down.begin(), down.end(), [](int depth) { return depth > 0; });
  int place = 0;
  for (const auto& skip : skips)
    if (skip.kind == control::BlockKind::input && skip.block == block && skip.index > 0 &&
        !(attends && skip.attention < 0))
      place = skip.index;
  return place;
}

void read_blocks(const SideReader& reader, T2iAdapterConfig& config, const unet::Config& unet) {
  const auto skips = unet::skips(unet);
  config.skip_channels = unet::skip_channels(unet);
  if (unet.middle_resnets > 0) config.skip_channels.push_back(unet.levels.back().channels);
  const int blocks = reader.count("adapter.body.", kMostLayers), levels = static_cast<int>(unet.levels.size());
  const bool xl = config.unshuffle == 16;
  int halvings = xl ? 1 : 0;
  // SDXL's makes one feature more than there are levels, which goes to the middle block.
  bool fits = blocks == levels + xl && (!xl || unet.middle_resnets > 0);
  for (int b = 0; b < blocks && fits; ++b) {
    const auto body = fmt::format("adapter.body.{}.", b);
    T2iAdapterConfig::Block block;
    block.channels = reader.size(body + (config.light ? "out_conv.weight" : "resnets.0.block2.weight"), 0);
    block.halves = xl ? b == 2 : b > 0;
    halvings += block.halves;
    block.skip = b < levels ? place_of(skips, unet, b) : static_cast<int>(skips.size()) - 1;
    const auto at = static_cast<size_t>(block.skip);
    fits = block.channels == config.skip_channels[at] && halvings == skips[at].level;
    config.blocks.push_back(block);
  }
  if (!fits)
    reader.unsupported(
        fmt::format("it is a T2I-Adapter for {}, which makes {} features; this model's UNet has {} levels of {} "
                    "channels and up: an adapter goes with one family of models",
                    xl ? "Stable Diffusion XL" : "Stable Diffusion 1", blocks, levels, unet.levels[0].channels));
  config.resnets = reader.count("adapter.body.0.resnets.", kMostLayers);
}

}  // namespace

void understand_t2i_adapter(SideParts& parts, const Parts& model) {
  const SideReader reader(parts.tensors, parts.file);
  T2iAdapterConfig config;
  config.light = reader.begins("adapter.body.0.in_conv.");
  read_input(reader, config);
  if (const auto said = reader.said("downscale_factor"); !said.is_null() && said != config.unshuffle)
    reader.refuse("downscale_factor");
  if (model.vae.downscale() != 8) reader.unsupported("it goes with models whose latents are 8 times smaller");
  read_blocks(reader, config, model.unet);
  parts.what = side_kind(parts.file);
  parts.skips.assign(config.skip_channels.size(), false);
  for (const auto& block : config.blocks) parts.skips[static_cast<size_t>(block.skip)] = true;
  parts.config = std::move(config);
}

}  // namespace corepulse::model
