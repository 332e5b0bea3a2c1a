#include "model/layers.h"

#include <algorithm>
#include <set>
#include <tuple>

#include "base/ascii.h"

namespace corepulse::model {
namespace {

using control::BlockKind;
using control::Site;

/** The number behind `word` in a path such as "down_blocks.1.resnets.0.conv1", or -1. */
int number_behind(std::string_view path, std::string_view word) {
  const auto at = path.find(word);
  if (at == path.npos || at + word.size() >= path.size() || !is_digit(path[at + word.size()])) return -1;
  return std::stoi(std::string(path.substr(at + word.size())));
}

bool has(std::string_view path, std::string_view part) {
  return path.find(part) != path.npos;
}

Site place(const std::string& path, const unet::Config& config) {
  const int levels = static_cast<int>(config.levels.size());
  Site site{.kind = BlockKind::none, .attention = -1, .depth = -1, .cross = false, .heads = 0};
  site.path = path;
  // A resnet stands with the attention of its number; what changes the size, with the last of its block.
  int layer = std::max(number_behind(path, ".resnets."), number_behind(path, ".attentions."));
  const bool resizes = has(path, "samplers.");
  if (const int b = number_behind(path, "down_blocks."); b >= 0) {
    site.kind = BlockKind::input, site.block = b, site.level = b + resizes;
    site.ldm_block = ldm_input(config, b, resizes ? static_cast<int>(config.levels[b].down.size()) : layer);
  } else if (const int up = number_behind(path, "up_blocks."); up >= 0) {
    const auto& level = config.levels[levels - 1 - up];
    site.kind = BlockKind::output, site.block = up, site.level = levels - 1 - up - resizes;
    site.ldm_block = ldm_output(config, up, resizes ? static_cast<int>(level.up.size()) - 1 : layer);
  } else if (path.starts_with("mid_block.")) {
    site.kind = BlockKind::middle, site.level = levels - 1;
  }
  const bool self = site.kind == BlockKind::middle || config.levels[site.level].self;
  site.cross = has(path, ".attn2.") || (has(path, ".attn1.") && !self);
  if (has(path, ".attentions.")) site.attention = layer;
  if (has(path, ".transformer_blocks.")) site.depth = number_behind(path, ".transformer_blocks.");
  return site;
}

/** Numbers in paths count as numbers. */
std::vector<std::pair<std::string, int>> parts_of(const std::string& path) {
  std::vector<std::pair<std::string, int>> parts;
  for (size_t begin = 0; begin <= path.size();) {
    const size_t end = std::min(path.find('.', begin), path.size());
    const auto part = path.substr(begin, end - begin);
    const bool number = !part.empty() && std::all_of(part.begin(), part.end(), is_digit);
    parts.emplace_back(number ? "" : part, number ? std::stoi(part) : 0);
    begin = end + 1;
  }
  return parts;
}

/** Before the blocks, the blocks in order, and behind them. */
int rank(const Site& site) {
  if (site.kind != BlockKind::none) return 1 + static_cast<int>(site.kind);
  return site.path.starts_with("conv_out") || site.path.starts_with("conv_norm_out") ? 4 : 0;
}

bool in_order(const Site& a, const Site& b) {
  return std::tuple(rank(a), parts_of(a.path)) < std::tuple(rank(b), parts_of(b.path));
}

}  // namespace

std::vector<control::Layer> layers(const Parts& parts) {
  return layers(parts.collection.networks.at(Part::unet).stored.tensors, parts.unet);
}

std::vector<control::Layer> layers(const io::Tensors& tensors, const unet::Config& config) {
  std::vector<control::Layer> all;
  constexpr std::string_view kWeight = ".weight";
  for (const auto& [name, view] : tensors) {
    if (!name.ends_with(kWeight) || view.shape.size() < 2) continue;
    all.push_back({place(name.substr(0, name.size() - kWeight.size()), config),
                   view.shape.size() == 4 ? static_cast<int>(view.shape[2]) : 1, static_cast<int>(view.shape[1]),
                   static_cast<int>(view.shape[0])});
  }
  std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) { return in_order(a.site, b.site); });
  for (size_t i = 0; i < all.size(); ++i) all[i].site.index = static_cast<int>(i);
  return all;
}

std::vector<Site> weighted_layers(const Parts& parts) {
  std::set<std::string> paths;
  for (const auto& [name, view] : parts.collection.networks.at(Part::unet).stored.tensors)
    paths.insert(name.substr(0, name.rfind('.')));
  std::vector<Site> all;
  for (const auto& path : paths) all.push_back(place(path, parts.unet));
  std::sort(all.begin(), all.end(), in_order);
  for (size_t i = 0; i < all.size(); ++i) all[i].index = static_cast<int>(i);
  return all;
}

}  // namespace corepulse::model
