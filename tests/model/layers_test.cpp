// Every linear layer and convolution has a name that selectors know.
#include "model/layers.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "support/places.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

ModelSource tiny(const std::string& family) {
  return {.model = golden_folder() + "/models/" + family};
}

std::vector<std::string> paths(const std::vector<LayerInfo>& layers) {
  std::vector<std::string> all;
  for (const auto& layer : layers) all.push_back(layer.path);
  return all;
}

LayerInfo layer(const ModelSource& source, const std::string& path) {
  const auto found = model_layers(source, path);
  REQUIRE(found.size() == 1);
  return found[0];
}

}  // namespace

TEST_CASE("every matrix of the UNet is a named layer, once, the blocks in order of execution") {
  for (const std::string family : {"sd1", "sd2", "sdxl", "small"}) {
    CAPTURE(family);
    const auto parts = model::understand(tiny(family));
    size_t matrices = 0;
    for (const auto& [name, view] : parts.collection.networks.at(model::Part::unet).stored.tensors)
      matrices += view.shape.size() > 1;
    const auto layers = model::layers(parts);
    CHECK(layers.size() == matrices);
    CHECK(layers.front().site.path == (family == "sdxl" ? "add_embedding.linear_1" : "conv_in"));
    CHECK(layers.back().site.path == "conv_out");
    int kind = 0;
    for (const auto& l : layers)
      if (l.site.kind != control::BlockKind::none) {
        CHECK(static_cast<int>(l.site.kind) >= kind);
        kind = static_cast<int>(l.site.kind);
      }
  }
}

TEST_CASE("the layers of an attention stand where it does") {
  const auto info = inspect_model(tiny("sdxl"));
  for (const auto& site : info.sites) {
    const auto query = layer(tiny("sdxl"), site.path + ".to_q");
    CHECK(query.block == site.block);
    CHECK(query.ldm == site.ldm);
    CHECK(!query.convolution);
    const auto named = paths(model_layers(tiny("sdxl"), site.id));
    CHECK(std::find(named.begin(), named.end(), query.path) != named.end());
  }
}

TEST_CASE("selectors name layers outside attention, too") {
  const auto source = tiny("sd1");
  const auto block = paths(model_layers(source, "middle:0"));
  for (const char* path : {"mid_block.resnets.0.conv1", "mid_block.resnets.1.time_emb_proj",
                           "mid_block.attentions.0.proj_in", "mid_block.attentions.0.transformer_blocks.0.ff.net.2"})
    CHECK(std::find(block.begin(), block.end(), path) != block.end());
  CHECK(paths(model_layers(source, "content")) == block);
  CHECK(layer(source, "down_blocks.0.resnets.1.conv2").ldm == "ldm:input_2");
  CHECK(layer(source, "down_blocks.0.downsamplers.0.conv").ldm == "ldm:input_3");
  CHECK(layer(source, "up_blocks.0.upsamplers.0.conv").ldm == "ldm:output_2");
  CHECK(layer(source, "up_blocks.0.upsamplers.0.conv").convolution);
  CHECK(layer(source, "time_embedding.linear_1").block.empty());
  CHECK(model_layers(source, "composition").size() + model_layers(source, "content").size() +
            model_layers(source, "style").size() + 4 ==
        model_layers(source).size());
}

TEST_CASE("a selector that names no layer is refused with those there are") {
  try {
    model_layers(tiny("sd1"), "input:9");
    FAIL("was taken");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("\"input:9\" names no layer of this model; ") != std::string::npos);
  }
}
