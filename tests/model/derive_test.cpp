#include "model/config/derive.h"

#include <doctest/doctest.h>

#include "../io/support.h"
#include "full_size.h"
#include "model/known.h"
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
  CHECK(unet.levels[0].down == Ints{1, 1});
  CHECK(unet.levels[0].up == Ints{1, 1, 1});
  CHECK(unet.middle_resnets == 2);
  CHECK(unet.context_width == 768);
  CHECK(unet.levels[2].attends());
  CHECK_FALSE(unet.levels[3].attends());
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
  CHECK(parts.unet.levels[1].down == Ints{2, 2});
  CHECK(parts.unet.levels[2].up == Ints{10, 10, 10});
  CHECK(per_level(parts.unet, &unet::Level::heads) == Ints{1, 10, 20});
  CHECK(parts.unet.middle_depth == 10);
  CHECK_FALSE(parts.unet.levels[0].attends());
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

TEST_CASE("models that were cut down are known by their shape, with the parameters that their authors state") {
  const auto known = [](const Shapes& shapes, const ModelSource& source = {}) {
    const auto parts = parts_of(shapes, source);
    return std::pair(known_as(parts), parameters(parts, Part::unet));
  };
  CHECK(known(sdxl_shapes()).first == "");
  CHECK(known(sd1_shapes()).first == "");
  CHECK(known(sdxl_shapes(ssd1b_unet())).first == "SSD-1B");
  CHECK(known(sdxl_shapes(vega_unet())).first == "Segmind Vega");
  const auto koala = [](int coarsest, int middle) {
    auto unet = sdxl_unet();
    unet.layers = 1, unet.depth = {0, 2, coarsest}, unet.middle_depth = middle;
    return sdxl_shapes(unet);
  };
  const auto small = known(koala(5, -2)), large = known(koala(6, 6));
  CHECK(small.first == "KOALA-700M");
  CHECK(small.second / 1'000'000 == 782);
  CHECK(large.first == "KOALA-1B");
  CHECK(large.second / 1'000'000 == 1161);
  const auto bk = [](std::vector<int> multiples, std::vector<int> depth, int middle) {
    auto unet = sd1_unet();
    unet.layers = 1, unet.multiples = std::move(multiples), unet.depth = std::move(depth), unet.middle_depth = middle;
    return unet_shapes(unet) + vae_shapes() + clip_shapes("cond_stage_model.transformer.");
  };
  CHECK(known(bk({1, 2, 4, 4}, {1, 1, 1, 0}, 1)) ==
        std::pair(std::string("BK-SDM-Base (small-sd)"), uint64_t{579'384'964}));
  CHECK(known(bk({1, 2, 4, 4}, {1, 1, 1, 0}, -2)) == std::pair(std::string("BK-SDM-Small"), uint64_t{482'346'884}));
  CHECK(known(bk({1, 2, 4}, {1, 1, 1}, -2)) == std::pair(std::string("BK-SDM-Tiny (tiny-sd)"), uint64_t{323'384'964}));
  const auto sdxs = bk({1, 2, 4}, {0, 1, 1}, -2);
  CHECK(known(sdxs).first == "SDXS-512");
  CHECK(per_level(parts_of(sdxs).unet, &unet::Level::heads) == Ints{1, 10, 20});
}

TEST_CASE("the first attention of SDXS's finest level reads the text: its keys are as wide as that") {
  auto unet = sd2_unet();
  unet.layers = 1, unet.multiples = {1, 2, 4}, unet.depth = {1, 1, 1}, unet.middle_depth = -2;
  auto shapes = unet_shapes(unet) + vae_shapes() + open_clip_shapes("cond_stage_model.model.", 1024, 24);
  CHECK(known_as(parts_of(shapes)) == "BK-SDM-v2-Tiny");
  for (const auto* block : {"input_blocks.1", "output_blocks.4", "output_blocks.5"})
    for (const auto* key : {"to_k", "to_v"})
      shapes[std::string("model.diffusion_model.") + block + ".1.transformer_blocks.0.attn1." + key + ".weight"][1] =
          1024;
  const auto parts = parts_of(shapes);
  CHECK(known_as(parts) == "SDXS-512-0.9");
  CHECK_FALSE(parts.unet.levels[0].self);
  CHECK(parts.unet.levels[1].self);
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
