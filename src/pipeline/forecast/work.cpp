#include "pipeline/forecast/work.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "model/layers.h"
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

/** One application of a weight of so many elements to each of n pixels. */
Work applied(double elements, int64_t kernel, double n) {
  return kernel > 1 ? Work{.convolution = elements * n} : Work{.matrix = elements * n};
}

/** Whether a layer of the UNet is applied to pixels: not to the moment, nor to the text. */
bool sees_pixels(std::string_view path) {
  return !has(path, "time_emb") && !has(path, "embedding") && !has(path, "attn2.to_k") && !has(path, "attn2.to_v");
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
      work += applied(static_cast<double>(weight.elements()), weight.shape.size() == 4 ? weight.shape[2] : 1,
                      latents * (1 << (2 * *n)));
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

/** What a row is of: its latents, and the keys of its text. */
struct RowSize {
  control::Grid latents;
  int keys;
};

Work network_work(const std::vector<control::Layer>& layers, const std::vector<control::Site>& sites,
                  const unet::Config& config, const RowSize& row) {
  Work work;
  const auto tokens = [&](const control::Site& site) -> double {
    return control::grid(site, row.latents.height, row.latents.width).tokens();
  };
  for (const auto& layer : layers) {
    if (!sees_pixels(layer.site.path)) continue;
    const double elements = static_cast<double>(layer.in) * layer.out * layer.kernel * layer.kernel;
    work += applied(elements, layer.kernel, tokens(layer.site));
  }
  for (const auto& site : sites) {
    const double queries = tokens(site);
    work.attention +=
        2 * queries * (site.cross ? row.keys : queries) * config.levels[static_cast<size_t>(site.level)].channels;
  }
  return work;
}

}  // namespace

Work unet_work(const model::Parts& parts, int latent_height, int latent_width, int keys) {
  return network_work(model::layers(parts), unet::sites(parts.unet), parts.unet,
                      {control::Grid{latent_height, latent_width}, keys});
}

double side_work(const model::SideParts& network, int latent_height, int latent_width) {
  if (!network.control_net()) return 0;
  const auto& trunk = network.control_net()->trunk;
  io::Tensors tensors;
  for (const auto& [name, view] : network.tensors)
    if (name.starts_with("down_blocks.") || name.starts_with("mid_block.") || name.starts_with("conv_in."))
      tensors.emplace(name, view);
  auto sites = unet::sites(trunk);
  std::erase_if(sites, [](const auto& site) { return site.kind == control::BlockKind::output; });
  return network_work(model::layers(tensors, trunk), sites, trunk, {control::Grid{latent_height, latent_width}, 77})
      .sum();
}

Work encoder_work(const model::Parts& parts, int latent_height, int latent_width) {
  return work_in_tiles(parts, halvings_of, latent_height, latent_width);
}

Work decoder_work(const model::Parts& parts, int latent_height, int latent_width) {
  return work_in_tiles(parts, doublings_of, latent_height, latent_width);
}

}  // namespace corepulse::pipeline
