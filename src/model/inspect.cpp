#include "model/inspect.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <set>

#include "io/file.h"
#include "io/sha256.h"
#include "io/stored_type.h"
#include "unet/sites.h"

namespace corepulse::model {
namespace {

using control::BlockKind;

constexpr size_t kSamples = 8, kSampleBytes = 4096;  // of each network: a fault may read megabytes ahead

const char* word(BlockKind kind) {
  constexpr const char* words[] = {"input", "middle", "output"};
  return words[static_cast<int>(kind)];
}

std::vector<std::string> sorted_names(const io::Tensors& tensors) {
  std::vector<std::string> names;
  for (const auto& [name, view] : tensors) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

void add_text(io::Sha256& sum, const std::string& text) {
  sum.update(std::as_bytes(std::span(text)));
}

/** Names, types and shapes, and the beginning of some tensors: two models of one shape differ in those. */
void add_network(io::Sha256& sum, const Network& network) {
  for (const auto& mapping : network.mappings) mapping->check_unchanged();
  const auto& tensors = network.stored.tensors;
  const auto names = sorted_names(tensors);
  for (const auto& name : names) {
    const auto& view = tensors.at(name);
    add_text(sum, fmt::format("{} {} {}{}\n", name, io::name(view.type), fmt::join(view.shape, "x"),
                              view.transposed ? " transposed" : ""));
  }
  for (size_t i = 0; i < std::min(kSamples, names.size()); ++i) {
    const auto& view = tensors.at(names[i * names.size() / std::min(kSamples, names.size())]);
    if (view.data) sum.update({view.data, std::min(view.bytes, kSampleBytes)});
  }
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

SiteInfo site_info(const control::Site& site, const unet::Config& config) {
  const auto grid = control::grid(site, config.sample_size, config.sample_size);
  const int depth = site.kind == BlockKind::middle ? config.middle_depth : config.levels[site.level].depth;
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
  result.push_back(block_info(BlockKind::middle, 0, levels - 1, config, sites));
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
  info.latent_downscale = parts.vae.downscale();
  info.width = info.height = parts.unet.sample_size * info.latent_downscale;
  info.inpaint = parts.unet.in_channels != parts.vae.latent_channels;
  info.context_width = parts.unet.context_width;
  io::Sha256 fingerprint;
  for (const auto& [part, network] : parts.collection.networks) {
    info.components.push_back(component(part, network));
    info.parameters += info.components.back().parameters;
    info.bytes += info.components.back().bytes;
    add_text(fingerprint, std::string(name(part)) + "\n");
    add_network(fingerprint, network);
  }
  info.fingerprint = fingerprint.hex();
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
