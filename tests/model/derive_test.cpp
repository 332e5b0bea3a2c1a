#include "model/config/derive.h"

#include <doctest/doctest.h>

#include "../io/support.h"
#include "full_size.h"
#include "model/parts.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;

namespace {

Parts parts_of(const Shapes& shapes, ModelSource source = {}) {
  const Folder folder;
  write_header_only(folder / "model.safetensors", shapes);
  source.model = (folder / "model.safetensors").string();
  return understand(source);
}

template <class Field>
std::vector<int> per_level(const unet::Config& config, Field field) {
  std::vector<int> result;
  for (const auto& level : config.levels) result.push_back(level.*field);
  return result;
}

using Ints = std::vector<int>;

uint64_t parameters(const Parts& parts, Part part) {
  uint64_t n = 0;
  for (const auto& [name, view] : parts.collection.networks.at(part).stored.tensors) n += view.elements();
  return n;
}

}  // namespace

TEST_CASE("SD1's configs are derived from its shapes") {
  const auto parts = parts_of(sd1_shapes());
  const auto& unet = parts.unet;
  CHECK(per_level(unet, &unet::Level::channels) == Ints{320, 640, 1280, 1280});
  CHECK(per_level(unet, &unet::Level::heads) == Ints{8, 8, 8, 1});
  CHECK(unet.middle_heads == 8);
  CHECK(unet.layers_per_block == 2);
  CHECK(unet.context_width == 768);
  CHECK(unet.levels[2].down_attention);
  CHECK_FALSE(unet.levels[3].down_attention);
  CHECK_FALSE(unet.levels[3].up_attention);
  CHECK_FALSE(unet.linear_projection);
  CHECK_FALSE(unet.upcast_attention);
  CHECK(unet.addition_input == 0);
  CHECK(parts.vae.channels == Ints{128, 256, 512, 512});
  CHECK(parts.vae.layers_per_block == 2);
  CHECK(parts.vae.scaling_factor == 0.18215f);
  CHECK(parts.vae.middle_attention);
  CHECK(parts.vae.quant_conv);
  REQUIRE(parts.texts.size() == 1);
  const auto& text = parts.texts[0];
  CHECK(text.config.layers == 12);
  CHECK(text.config.heads == 12);
  CHECK(text.config.mlp_width == 3072);
  CHECK(text.config.vocabulary == 49408);
  CHECK(text.config.positions == 77);
  CHECK(text.config.activation == text::Activation::quick_gelu);
  CHECK(text.rule.skip == 0);
  CHECK(text.rule.final_norm);
  CHECK(text.padding == text::Padding::eos);
}

TEST_CASE("SD2's text encoder loses the layer and the projection that it was not trained to read") {
  const auto parts = parts_of(sd2_shapes(), {.prediction = "v"});
  CHECK(per_level(parts.unet, &unet::Level::heads) == Ints{5, 10, 20, 1});
  CHECK(parts.unet.middle_heads == 20);
  CHECK(parts.unet.linear_projection);
  CHECK(parts.unet.upcast_attention);
  CHECK(parts.unet.sample_size == 96);
  const auto& text = parts.texts.at(0);
  CHECK(text.config.layers == 23);
  CHECK(text.config.heads == 16);
  CHECK(text.config.projection == 0);
  CHECK(text.config.activation == text::Activation::gelu);
  CHECK(text.rule.final_norm);
  CHECK(text.padding == text::Padding::exclamation);
}

TEST_CASE("SDXL has transformers of 2 and 10 blocks and two text encoders, read one layer early") {
  const auto parts = parts_of(sdxl_shapes());
  CHECK(per_level(parts.unet, &unet::Level::channels) == Ints{320, 640, 1280});
  CHECK(per_level(parts.unet, &unet::Level::depth) == Ints{1, 2, 10});
  CHECK(per_level(parts.unet, &unet::Level::heads) == Ints{1, 10, 20});
  CHECK(parts.unet.middle_depth == 10);
  CHECK_FALSE(parts.unet.levels[0].down_attention);
  CHECK(parts.unet.addition_time_width == 256);
  CHECK(parts.unet.addition_input == 2816);
  CHECK(parts.vae.scaling_factor == 0.13025f);
  CHECK(parts.vae.force_float32);
  REQUIRE(parts.texts.size() == 2);
  for (const auto& text : parts.texts) {
    CHECK(text.rule.skip == 1);
    CHECK_FALSE(text.rule.final_norm);
  }
  CHECK(parts.texts[0].config.projection == 0);
  CHECK(parts.texts[0].padding == text::Padding::eos);
  CHECK(parts.texts[1].config.layers == 32);
  CHECK(parts.texts[1].config.heads == 20);
  CHECK(parts.texts[1].config.projection == 1280);
  CHECK(parts.texts[1].padding == text::Padding::exclamation);
}

TEST_CASE("the parameters counted are those that the models' authors state") {
  const auto sd1 = parts_of(sd1_shapes());
  CHECK(parameters(sd1, Part::unet) == 859'520'964);
  CHECK(parameters(sd1, Part::vae) == 83'653'863);
  CHECK(parameters(sd1, Part::text_encoder) == 123'060'480);
  CHECK(parameters(parts_of(sd2_shapes()), Part::unet) == 865'910'724);
  const auto sdxl = parts_of(sdxl_shapes());
  CHECK(parameters(sdxl, Part::unet) == 2'567'463'684);
  CHECK(parameters(sdxl, Part::text_encoder_2) == 694'659'840);
}

TEST_CASE("numbers that no shape tells are the family's or must be given") {
  auto unet = sd2_unet();
  unet.channels = 96;  // 64 channels per head do not divide it
  unet.context = 1024;
  const auto message = refusal([&] { parts_of(unet_shapes(unet) + vae_shapes()); });
  CHECK(has(message, {"unsupported_model", "96 channels", "64", "--config"}));
  unet.channels = 40;
  CHECK(has(refusal([&] { parts_of(unet_shapes(unet) + vae_shapes()); }), {"40 channels", "32", "--config"}));
}

TEST_CASE("a network without a tensor that its shape is read from is named with that tensor") {
  auto shapes = sd1_shapes();
  shapes.erase("model.diffusion_model.out.2.weight");
  CHECK(has(refusal([&] { parts_of(shapes); }), {"unsupported_model", "conv_out.weight"}));
  shapes = sd1_shapes();
  shapes["first_stage_model.decoder.conv_in.weight"] = {512};
  CHECK(has(refusal([&] { parts_of(shapes); }), {"unsupported_model", "decoder.conv_in.weight", "shape"}));
}
