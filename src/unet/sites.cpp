#include "unet/sites.h"

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

void append(std::vector<Site>& sites, const Place& place, int depth) {
  for (int d = 0; d < depth; ++d)
    for (const bool cross : {false, true})
      sites.push_back({static_cast<int>(sites.size()), place.kind, place.block, place.attention, d, cross, place.heads,
                       place.level, place.ldm_block,
                       fmt::format("{}.attentions.{}.transformer_blocks.{}.{}", place.path, place.attention, d,
                                   cross ? "attn2" : "attn1")});
}

}  // namespace

std::vector<Site> sites(const Config& config) {
  std::vector<Site> result;
  const int levels = static_cast<int>(config.levels.size()), layers = config.layers_per_block;
  for (int b = 0; b < levels; ++b)
    for (int l = 0; l < layers && config.levels[b].down_attention; ++l)
      append(result,
             {BlockKind::input, b, l, config.levels[b].heads, b, 1 + b * (layers + 1) + l,
              fmt::format("down_blocks.{}", b)},
             config.levels[b].depth);
  if (config.middle_attention)
    append(result, {BlockKind::middle, 0, 0, config.middle_heads, levels - 1, 0, "mid_block"}, config.middle_depth);
  for (int b = 0; b < levels; ++b) {
    const auto& level = config.levels[levels - 1 - b];
    for (int l = 0; l < layers + 1 && level.up_attention; ++l)
      append(
          result,
          {BlockKind::output, b, l, level.heads, levels - 1 - b, b * (layers + 1) + l, fmt::format("up_blocks.{}", b)},
          level.depth);
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
