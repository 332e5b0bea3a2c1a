#include "pipeline/forecast/work.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "unet/sites.h"
#include "vae/autoencoder.h"

namespace corepulse::pipeline {
namespace {

using engine::Work;

bool has(std::string_view name, std::string_view part) {
  return name.find(part) != name.npos;
}

/** "up_blocks.2.resnets..." behind `prefix` -> 2. */
std::optional<int> block_of(std::string_view name, std::string_view prefix) {
  if (name.rfind(prefix, 0) != 0 || name.size() == prefix.size()) return {};
  return name[prefix.size()] - '0';
}

/** One application of a weight to each of n pixels. */
Work applied(const io::TensorView& weight, double n) {
  const double work = static_cast<double>(weight.elements()) * n;
  const bool square = weight.shape.size() == 4 && weight.shape[2] > 1;
  return square ? Work{.convolution = work} : Work{.matrix = work};
}

/** How often the latent is halved where a tensor of the UNet is applied; none: not to pixels. */
std::optional<int> level_of(std::string_view name, int levels) {
  if (has(name, "time_emb") || has(name, "embedding") || has(name, "attn2.to_k") || has(name, "attn2.to_v")) return {};
  if (const auto b = block_of(name, "down_blocks.")) return *b + has(name, "downsamplers");
  if (const auto b = block_of(name, "up_blocks.")) return levels - 1 - *b - has(name, "upsamplers");
  if (has(name, "mid_block.")) return levels - 1;
  return 0;
}

double pixels(int level, int height, int width) {
  for (int i = 0; i < level; ++i) height = (height + 1) / 2, width = (width + 1) / 2;
  return static_cast<double>(height) * width;
}

/** How often latents were doubled where a tensor of the decoder is applied; none: the encoder's. */
std::optional<int> doublings_of(std::string_view name, int levels) {
  if (has(name, "decoder.up_blocks.")) return *block_of(name, "decoder.up_blocks.") + has(name, "upsamplers");
  if (has(name, "decoder.conv_out")) return levels - 1;
  if (has(name, "decoder.") || has(name, "post_quant_conv")) return 0;
  return {};
}

/** The same of the encoder: how often the picture is to be halved still. */
std::optional<int> halvings_of(std::string_view name, int levels) {
  if (has(name, "encoder.down_blocks."))
    return levels - 1 - *block_of(name, "encoder.down_blocks.") - has(name, "downsamplers");
  if (has(name, "encoder.conv_in")) return levels - 1;
  if (has(name, "encoder.") || (has(name, "quant_conv") && !has(name, "post_quant_conv"))) return 0;
  return {};
}

using DoublingsOf = std::optional<int> (*)(std::string_view name, int levels);

/** One half of the autoencoder, on a picture of so many latents. */
Work whole_work(const model::Parts& parts, DoublingsOf doublings, double latents) {
  Work work;
  const auto& channels = parts.vae.channels;
  for (const auto& [name, weight] : parts.collection.networks.at(model::Part::vae).stored.tensors)
    if (const auto n = doublings(name, static_cast<int>(channels.size())); n && weight.shape.size() > 1)
      work += applied(weight, latents * (1 << (2 * *n)));
  if (parts.vae.middle_attention) work.attention += 2 * latents * latents * channels.back();
  return work;
}

Work work_in_tiles(const model::Parts& parts, DoublingsOf doublings, int latent_height, int latent_width) {
  if (latent_height * latent_width <= vae::kWhole * vae::kWhole)
    return whole_work(parts, doublings, static_cast<double>(latent_height) * latent_width);
  constexpr int kStride = vae::kTile * 3 / 4;
  Work work;
  for (int y = 0; y < latent_height; y += kStride)
    for (int x = 0; x < latent_width; x += kStride)
      work += whole_work(
          parts, doublings,
          static_cast<double>(std::min(vae::kTile, latent_height - y)) * std::min(vae::kTile, latent_width - x));
  return work;
}

}  // namespace

Work unet_work(const model::Parts& parts, int latent_height, int latent_width) {
  const auto& levels = parts.unet.levels;
  Work work;
  for (const auto& [name, weight] : parts.collection.networks.at(model::Part::unet).stored.tensors)
    if (const auto level = level_of(name, static_cast<int>(levels.size())); level && weight.shape.size() > 1)
      work += applied(weight, pixels(*level, latent_height, latent_width));
  for (const auto& site : unet::sites(parts.unet)) {
    const double queries = control::grid(site, latent_height, latent_width).tokens();
    const double keys = site.cross ? parts.texts.front().config.positions : queries;
    work.attention += 2 * queries * keys * levels[static_cast<size_t>(site.level)].channels;
  }
  return work;
}

Work encoder_work(const model::Parts& parts, int latent_height, int latent_width) {
  return work_in_tiles(parts, halvings_of, latent_height, latent_width);
}

Work decoder_work(const model::Parts& parts, int latent_height, int latent_width) {
  return work_in_tiles(parts, doublings_of, latent_height, latent_width);
}

}  // namespace corepulse::pipeline
