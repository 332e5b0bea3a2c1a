#include "model/inspect.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

#include "io/tensors/stored_type.h"
#include "model/known.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

using control::BlockKind;

const char* word(BlockKind kind) {
  constexpr const char* words[] = {"input", "middle", "output", ""};
  return words[static_cast<int>(kind)];
}

ComponentInfo component(Part part, const Network& network) {
  ComponentInfo info;
  info.name = name(part);
  for (const auto& file : network.files) info.files.push_back(file.string());
  std::set<std::string> types;
  for (const auto& [tensor, view] : network.stored.tensors) {
    types.insert(io::name(view.type));
    info.parameters += view.elements();
    info.bytes += view.bytes;
  }
  info.dtype = fmt::format("{}", fmt::join(types, ", "));
  return info;
}

/** How many blocks its transformer has. */
int depth_of(const control::Site& site, const unet::Config& config) {
  if (site.kind == BlockKind::middle) return config.middle_depth;
  const auto& level = config.levels[site.level];
  return (site.kind == BlockKind::input ? level.down : level.up)[site.attention];
}

SiteInfo site_info(const control::Site& site, const unet::Config& config) {
  const auto grid = control::grid(site, config.sample_size, config.sample_size);
  const int depth = depth_of(site, config);
  const auto block = fmt::format("{}:{}", word(site.kind), site.block);
  const auto id = fmt::format("{}.{}", block, site.attention);
  return {depth > 1 ? fmt::format("{}#{}", id, site.depth) : id,
          block,
          fmt::format("ldm:{}_{}", word(site.kind), site.ldm_block),
          site.path,
          site.attention,
          site.depth,
          site.cross,
          site.heads,
          grid.height,
          grid.width};
}

BlockInfo block_info(BlockKind kind, int block, int level, const unet::Config& config,
                     const std::vector<SiteInfo>& sites) {
  constexpr const char* paths[] = {"down_blocks.", "mid_block", "up_blocks."};
  BlockInfo info;
  info.id = fmt::format("{}:{}", word(kind), block);
  info.path = paths[static_cast<int>(kind)];
  if (kind != BlockKind::middle) info.path += std::to_string(block);
  info.channels = config.levels[level].channels;
  control::Site here;
  here.level = level;
  const auto grid = control::grid(here, config.sample_size, config.sample_size);
  info.grid_height = grid.height, info.grid_width = grid.width;
  std::string last;
  for (const auto& site : sites) {
    if (site.block != info.id) continue;
    ++(site.cross ? info.cross_layers : info.self_layers);
    info.heads = site.heads;
    if (site.ldm == last) continue;
    last = site.ldm;
    info.ldm += (info.ldm.empty() ? "" : ", ") + site.ldm.substr(4);
  }
  return info;
}

std::vector<BlockInfo> blocks(const unet::Config& config, const std::vector<SiteInfo>& sites) {
  std::vector<BlockInfo> result;
  const int levels = static_cast<int>(config.levels.size());
  for (int i = 0; i < levels; ++i) result.push_back(block_info(BlockKind::input, i, i, config, sites));
  if (config.middle_resnets > 0) result.push_back(block_info(BlockKind::middle, 0, levels - 1, config, sites));
  for (int i = 0; i < levels; ++i) result.push_back(block_info(BlockKind::output, i, levels - 1 - i, config, sites));
  return result;
}

}  // namespace

ModelInfo describe(const Parts& parts) {
  ModelInfo info;
  info.family = parts.family;
  info.name = parts.collection.name;
  info.builtin = parts.collection.builtin;
  info.prediction = parts.scheduler.training.prediction;
  info.sampler = parts.scheduler.sampler;
  info.zero_snr = parts.scheduler.zero_snr;
  if (const auto& edm = parts.scheduler.training.edm)
    info.edm = true, info.sigma_min = edm->sigma_min, info.sigma_max = edm->sigma_max;
  info.known_as = known_as(parts);
  info.latent_downscale = parts.vae.downscale();
  info.width = info.height = parts.unet.sample_size * info.latent_downscale;
  info.inpaint = parts.unet.in_channels == 2 * parts.vae.latent_channels + 1;
  info.pix2pix = parts.unet.in_channels == 2 * parts.vae.latent_channels;
  info.context_width = parts.unet.context_width;
  for (const auto& [part, network] : parts.collection.networks) {
    info.components.push_back(component(part, network));
    info.parameters += info.components.back().parameters;
    info.bytes += info.components.back().bytes;
  }
  for (const auto& site : unet::sites(parts.unet)) info.sites.push_back(site_info(site, parts.unet));
  info.blocks = blocks(parts.unet, info.sites);
  info.notes = parts.notes;
  return info;
}

}  // namespace corepulse::model

namespace corepulse {

ModelInfo inspect_model(const ModelSource& source) {
  return model::describe(model::understand(source));
}

}  // namespace corepulse
