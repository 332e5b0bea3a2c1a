// The attention layers of a UNet are named as every tool names them.
#include "unet/sites.h"

#include <doctest/doctest.h>
#include <map>

using namespace corepulse;
using control::BlockKind;

namespace {

unet::Config sd15() {
  unet::Config config;
  config.levels = {{320, 8}, {640, 8}, {1280, 8}, {1280, 8, {0, 0}, {0, 0, 0}}};
  return config;
}

unet::Config sdxl() {
  unet::Config config;
  config.levels = {{320, 5, {0, 0}, {0, 0, 0}}, {640, 10, {2, 2}, {2, 2, 2}}, {1280, 20, {10, 10}, {10, 10, 10}}};
  config.middle_depth = 10, config.middle_heads = 20;
  return config;
}

/** SSD-1B: of SDXL, with other depths in each place and a middle block of one resnet. */
unet::Config ssd_1b() {
  auto config = sdxl();
  config.levels[1].down = {2, 2}, config.levels[1].up = {2, 1, 1};
  config.levels[2].down = {4, 4}, config.levels[2].up = {4, 4, 10};
  config.middle_resnets = 1, config.middle_depth = 0;
  return config;
}

/** SDXS: three levels of one layer and no middle block; the finest has no self-attention. */
unet::Config sdxs() {
  unet::Config config;
  config.levels = {{320, 5, {1}, {1, 1}, false}, {640, 10, {1}, {1, 1}}, {1280, 20, {1}, {1, 1}}};
  config.middle_resnets = 0, config.middle_depth = 0;
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

TEST_CASE("resnets are named by their block and their place in it, in the order in which they compute") {
  const auto resnets = unet::resnets(sd15());
  REQUIRE(resnets.size() == 8 + 2 + 12);
  for (int i = 0; i < 22; ++i) CHECK(resnets[static_cast<size_t>(i)].index == i);
  CHECK(resnets[0].path == "down_blocks.0.resnets.0");
  CHECK(resnets[9].path == "mid_block.resnets.1");
  const auto& published = resnets[14];  // of Plug-and-Play
  CHECK(published.path == "up_blocks.1.resnets.1");
  CHECK((published.kind == BlockKind::output && published.block == 1 && published.attention == 1));
  CHECK((published.level == 2 && published.ldm_block == 4 && published.heads == 0));
  CHECK(unet::resnets(ssd_1b()).size() == 6 + 1 + 9);
  CHECK(unet::resnets(sdxs()).size() == 3 + 6);
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

TEST_CASE("a UNet that was cut down has the layers that were left, under the numbers that its own files have") {
  CHECK(
      cross_layers(ssd_1b()) ==
      std::map<std::string, int>{{"down_blocks.1", 4}, {"down_blocks.2", 8}, {"up_blocks.0", 18}, {"up_blocks.1", 4}});
  std::map<std::string, int> depth;
  for (const auto& site : unet::sites(ssd_1b()))
    if (site.kind == BlockKind::output && site.cross) ++depth[site.path.substr(0, site.path.find(".transformer"))];
  CHECK(depth["up_blocks.0.attentions.2"] == 10);
  CHECK(depth["up_blocks.1.attentions.0"] == 2);
  CHECK(depth["up_blocks.1.attentions.1"] == 1);
  std::vector<int> input, output;
  for (const auto& site : unet::sites(sdxs())) {
    CHECK(site.kind != BlockKind::middle);
    CHECK(site.cross == (site.level == 0 || site.path.ends_with("attn2")));
    if (site.path.ends_with("attn2")) (site.kind == BlockKind::input ? input : output).push_back(site.ldm_block);
  }
  CHECK(input == std::vector{1, 3, 5});
  CHECK(output == std::vector{0, 1, 2, 3, 4, 5});
}

TEST_CASE("LDM's numbers go on behind blocks of other lengths") {
  unet::Config config;
  config.levels = {{8, 2, {2}, {3, 1}}, {8, 2, {0, 0}, {0, 0, 0}}, {12, 2, {1}, {1, 2}}};
  CHECK(unet::ldm_input(config, 0, 0) == 1);
  CHECK(unet::ldm_input(config, 1, 1) == 4);
  CHECK(unet::ldm_input(config, 2, 0) == 6);
  CHECK(unet::ldm_output(config, 1, 0) == 2);
  CHECK(unet::ldm_output(config, 2, 1) == 6);
}
