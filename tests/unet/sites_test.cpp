// The attention layers of a UNet are named as every tool names them.
#include "unet/sites.h"

#include <doctest/doctest.h>
#include <map>

using namespace corepulse;
using control::BlockKind;

namespace {

unet::Config sd15() {
  unet::Config config;
  config.levels = {
      {320, true, true, 8, 1}, {640, true, true, 8, 1}, {1280, true, true, 8, 1}, {1280, false, false, 8, 1}};
  return config;
}

unet::Config sdxl() {
  unet::Config config;
  config.levels = {{320, false, false, 5, 1}, {640, true, true, 10, 2}, {1280, true, true, 20, 10}};
  config.middle_depth = 10, config.middle_heads = 20;
  return config;
}

std::map<std::string, int> cross_layers(const unet::Config& config) {
  std::map<std::string, int> count;
  for (const auto& site : unet::sites(config))
    if (site.cross) ++count[site.path.substr(0, site.path.find(".attentions"))];
  return count;
}

}  // namespace

TEST_CASE("SD1.5 has 16 cross-attention layers, SDXL 70, spread as CorePulse's blocks say") {
  CHECK(cross_layers(sd15()) == std::map<std::string, int>{{"down_blocks.0", 2},
                                                           {"down_blocks.1", 2},
                                                           {"down_blocks.2", 2},
                                                           {"mid_block", 1},
                                                           {"up_blocks.1", 3},
                                                           {"up_blocks.2", 3},
                                                           {"up_blocks.3", 3}});
  CHECK(cross_layers(sdxl()) ==
        std::map<std::string, int>{
            {"down_blocks.1", 4}, {"down_blocks.2", 20}, {"mid_block", 10}, {"up_blocks.0", 30}, {"up_blocks.1", 6}});
}

TEST_CASE("LDM block numbers follow the original checkpoints") {
  std::vector<int> input, output;
  for (const auto& site : unet::sites(sd15())) {
    if (!site.cross) continue;
    if (site.kind == BlockKind::input) input.push_back(site.ldm_block);
    if (site.kind == BlockKind::output) output.push_back(site.ldm_block);
  }
  CHECK(input == std::vector{1, 2, 4, 5, 7, 8});
  CHECK(output == std::vector{3, 4, 5, 6, 7, 8, 9, 10, 11});
}

TEST_CASE(
    "a site's index is its place in the order of execution, and its grid halves with the level, "
    "rounding up") {
  const auto all = unet::sites(sdxl());
  for (size_t i = 0; i < all.size(); ++i) CHECK(all[i].index == static_cast<int>(i));
  CHECK(all.front().path == "down_blocks.1.attentions.0.transformer_blocks.0.attn1");
  CHECK(all.back().path == "up_blocks.1.attentions.2.transformer_blocks.1.attn2");
  const auto grid = control::grid(unet::sites(sd15())[8], 63, 64);  // input:2, two halvings
  CHECK(grid.height == 16);
  CHECK(grid.width == 16);
}
