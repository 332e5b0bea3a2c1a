#include "unet/sites.h"

#include <algorithm>
#include <fmt/format.h>

namespace corepulse::unet {

using control::BlockKind;
using control::Site;

namespace {

struct Place {
  BlockKind kind;
  int block, attention, heads, level, ldm_block;
  std::string path;
};

/** @param self whether attn1 looks at the picture. */
void append(std::vector<Site>& sites, const Place& place, int depth, bool self) {
  for (int d = 0; d < depth; ++d)
    for (const int n : {1, 2})
      sites.push_back(
          {static_cast<int>(sites.size()), place.kind, place.block, place.attention, d, n == 2 || !self, place.heads,
           place.level, place.ldm_block,
           fmt::format("{}.attentions.{}.transformer_blocks.{}.attn{}", place.path, place.attention, d, n)});
}

}  // namespace

std::vector<Site> sites(const Config& config) {
  std::vector<Site> result;
  const int levels = static_cast<int>(config.levels.size());
  for (int b = 0; b < levels; ++b) {
    const auto& level = config.levels[b];
    for (int l = 0; l < static_cast<int>(level.down.size()); ++l)
      append(result,
             {BlockKind::input, b, l, level.heads, b, ldm_input(config, b, l), fmt::format("down_blocks.{}", b)},
             level.down[l], level.self);
  }
  append(result, {BlockKind::middle, 0, 0, config.middle_heads, levels - 1, 0, "mid_block"}, config.middle_depth, true);
  for (int b = 0; b < levels; ++b) {
    const auto& level = config.levels[levels - 1 - b];
    for (int l = 0; l < static_cast<int>(level.up.size()); ++l)
      append(result,
             {BlockKind::output, b, l, level.heads, levels - 1 - b, ldm_output(config, b, l),
              fmt::format("up_blocks.{}", b)},
             level.up[l], level.self);
  }
  return result;
}

std::vector<Site> blocks(const Config& config) {
  std::vector<Site> result;
  const auto add = [&](BlockKind kind, int block, int level, std::string path) {
    result.push_back({.index = static_cast<int>(result.size()),
                      .kind = kind,
                      .block = block,
                      .attention = -1,
                      .depth = -1,
                      .cross = false,
                      .heads = 0,
                      .level = level,
                      .ldm_block = -1,
                      .path = std::move(path)});
  };
  const int levels = static_cast<int>(config.levels.size());
  for (int b = 0; b < levels; ++b)
    add(BlockKind::input, b, std::min(b + 1, levels - 1), fmt::format("down_blocks.{}", b));
  if (config.middle_resnets > 0) add(BlockKind::middle, 0, levels - 1, "mid_block");
  for (int b = 0; b < levels; ++b)
    add(BlockKind::output, b, std::max(levels - 2 - b, 0), fmt::format("up_blocks.{}", b));
  return result;
}

std::vector<Site> skips(const Config& config) {
  std::vector<Site> result;
  const auto append_skip = [&](BlockKind kind, int block, int layer, int level, int ldm_block, std::string path) {
    result.push_back(
        {static_cast<int>(result.size()), kind, block, layer, -1, false, 0, level, ldm_block, std::move(path)});
  };
  append_skip(BlockKind::input, 0, -1, 0, 0, "conv_in");
  const int levels = static_cast<int>(config.levels.size());
  for (int b = 0; b < levels; ++b) {
    const int layers = static_cast<int>(config.levels[b].down.size());
    for (int l = 0; l < layers; ++l)
      append_skip(BlockKind::input, b, l, b, ldm_input(config, b, l), fmt::format("down_blocks.{}.resnets.{}", b, l));
    if (b + 1 < levels)
      append_skip(BlockKind::input, b, -1, b + 1, ldm_input(config, b, layers),
                  fmt::format("down_blocks.{}.downsamplers.0", b));
  }
  if (config.middle_resnets > 0) append_skip(BlockKind::middle, 0, -1, levels - 1, 0, "mid_block");
  return result;
}

std::vector<Site> resnets(const Config& config) {
  std::vector<Site> result;
  const auto append_resnet = [&](BlockKind kind, int block, int layer, int level, int ldm_block,
                                 const std::string& path) {
    result.push_back({static_cast<int>(result.size()), kind, block, layer, -1, false, 0, level, ldm_block,
                      fmt::format("{}.resnets.{}", path, layer)});
  };
  const int levels = static_cast<int>(config.levels.size());
  for (int b = 0; b < levels; ++b)
    for (int l = 0; l < static_cast<int>(config.levels[b].down.size()); ++l)
      append_resnet(BlockKind::input, b, l, b, ldm_input(config, b, l), fmt::format("down_blocks.{}", b));
  for (int l = 0; l < config.middle_resnets; ++l) append_resnet(BlockKind::middle, 0, l, levels - 1, 0, "mid_block");
  for (const auto& joint : joints(config)) {
    result.push_back(joint.site);
    result.back().index = static_cast<int>(result.size()) - 1;
  }
  return result;
}

std::vector<control::Joint> joints(const Config& config) {
  std::vector<control::Joint> result;
  const int levels = static_cast<int>(config.levels.size());
  int coming = config.levels.back().channels;
  for (int b = 0; b < levels; ++b) {
    const auto& level = config.levels[levels - 1 - b];
    for (int l = 0; l < static_cast<int>(level.up.size()); ++l) {
      const Site site{static_cast<int>(result.size()),
                      BlockKind::output,
                      b,
                      l,
                      -1,
                      false,
                      0,
                      levels - 1 - b,
                      ldm_output(config, b, l),
                      fmt::format("up_blocks.{}.resnets.{}", b, l)};
      result.push_back({site, coming / config.levels[0].channels});
      coming = level.channels;
    }
  }
  return result;
}

std::vector<Site> sites_of(const std::vector<Site>& all, BlockKind kind, int block, int attention) {
  std::vector<Site> result;
  for (const auto& site : all)
    if (site.kind == kind && site.block == block && site.attention == attention) result.push_back(site);
  return result;
}

}  // namespace corepulse::unet
