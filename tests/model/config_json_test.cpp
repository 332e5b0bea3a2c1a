#include "model/config/config_json.h"

#include <doctest/doctest.h>

#include "../io/support.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;
using io::Json;

namespace {

using Ints = std::vector<int>;

unet::Config unet_of(const Json& json) {
  std::vector<std::string> notes;
  return unet_config(json, "unet/config.json", notes);
}

vae::Config vae_of(const Json& json) {
  std::vector<std::string> notes;
  return vae_config(json, "vae/config.json", notes);
}

std::string unet_refusal(const Json& json) {
  return refusal([&] { unet_of(json); });
}

std::string vae_refusal(const Json& json) {
  return refusal([&] { vae_of(json); });
}

const Json kSdxl = Json::parse(R"({
  "_class_name": "UNet2DConditionModel", "attention_head_dim": [5, 10, 20], "block_out_channels": [320, 640, 1280],
  "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
  "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"],
  "transformer_layers_per_block": [1, 2, 10], "cross_attention_dim": 2048, "use_linear_projection": true,
  "addition_embed_type": "text_time", "addition_time_embed_dim": 256, "projection_class_embeddings_input_dim": 2816,
  "sample_size": 128})");

/** kSdxl or an empty config with one field changed. */
Json sdxl_with(const char* field, const Json& value) {
  auto json = kSdxl;
  json[field] = value;
  return json;
}

}  // namespace

TEST_CASE("an absent field means Diffusers' default") {
  const auto unet = unet_of(Json::object());
  CHECK(unet.levels.size() == 4);
  CHECK(unet.levels[0].channels == 320);
  CHECK(unet.levels[0].heads == 8);
  CHECK(unet.levels[2].down == Ints{1, 1});
  CHECK(unet.levels[2].up == Ints{1, 1, 1});
  CHECK_FALSE(unet.levels[3].attends());
  CHECK(unet.context_width == 1280);
  CHECK(unet.middle_resnets == 2);
  CHECK(unet.norm_groups == 32);
  CHECK(unet.sample_size == 64);
  const auto vae = vae_of({{"block_out_channels", {64, 128}}});
  CHECK(vae.scaling_factor == 0.18215f);
  CHECK(vae.layers_per_block == 1);
  CHECK(vae.middle_attention);
}

TEST_CASE("SDXL's config is read whole") {
  const auto unet = unet_of(kSdxl);
  CHECK_FALSE(unet.levels[0].attends());
  CHECK(unet.levels[1].heads == 10);
  CHECK(unet.levels[2].down == Ints{10, 10});
  CHECK(unet.levels[2].up == Ints{10, 10, 10});
  CHECK(unet.middle_depth == 10);
  CHECK(unet.middle_heads == 20);
  CHECK(unet.addition_time_width == 256);
  CHECK(unet.addition_input == 2816);
  CHECK(unet.linear_projection);
}

TEST_CASE("attention_head_dim is the number of heads, one or one for each level") {
  CHECK(unet_of({{"attention_head_dim", 5}}).levels[3].heads == 5);
  CHECK(unet_of({{"attention_head_dim", {5, 10, 20, 20}}}).levels[1].heads == 10);
  CHECK(has(unet_refusal({{"attention_head_dim", {5, 10}}}), {"bad_file", "attention_head_dim", "4"}));
  CHECK(has(unet_refusal({{"attention_head_dim", nullptr}}), {"bad_file", "attention_head_dim"}));
}

TEST_CASE("every choice that this program does not implement is refused with field and value") {
  const std::pair<const char*, Json> choices[] = {
      {"_class_name", "UNetMotionModel"},
      {"act_fn", "gelu"},
      {"addition_embed_type", "image"},
      {"attention_type", "gated"},
      {"center_input_sample", true},
      {"class_embed_type", "timestep"},
      {"class_embeddings_concat", true},
      {"conv_in_kernel", 5},
      {"conv_out_kernel", 1},
      {"cross_attention_norm", "layer_norm"},
      {"dual_cross_attention", true},
      {"encoder_hid_dim", 768},
      {"encoder_hid_dim_type", "text_proj"},
      {"mid_block_only_cross_attention", true},
      {"mid_block_scale_factor", 1.5},
      {"mid_block_type", "UNetMidBlock2DSimpleCrossAttn"},
      {"norm_num_groups", nullptr},
      {"num_attention_heads", 8},
      {"num_class_embeds", 1000},
      {"resnet_out_scale_factor", 0.7},
      {"resnet_skip_time_act", true},
      {"resnet_time_scale_shift", "scale_shift"},
      {"time_embedding_act_fn", "silu"},
      {"time_embedding_dim", 512},
      {"time_embedding_type", "fourier"},
      {"timestep_post_act", "silu"},
      {"down_block_types", {"DownBlock2D", "AttnDownBlock2D", "CrossAttnDownBlock2D"}},
      {"up_block_types", {"UpBlock2D", "SimpleCrossAttnUpBlock2D", "UpBlock2D"}},
      {"cross_attention_dim", {2048, 2048, 1024}},
      {"sample_size", {128, 96}},
  };
  for (const auto& [field, value] : choices) {
    CAPTURE(std::string(field));
    const auto message = unet_refusal(sdxl_with(field, value));
    CHECK(has(message, {"unsupported_model", "unet/config.json", field}));
    if (!value.is_array()) CHECK(has(message, {value.dump().c_str()}));
  }
}

TEST_CASE("parts that were taken out are read from the config as Diffusers reads them") {
  auto ssd = sdxl_with("mid_block_type", "UNetMidBlock2D");
  ssd["transformer_layers_per_block"] = {1, {2, 2}, {4, 4}};
  CHECK(has(refusal([&] { unet_of(ssd); }), {"bad_file", "transformer_layers_per_block", "reverse_"}));
  ssd["reverse_transformer_layers_per_block"] = {{4, 4, 10}, {2, 1, 1}, 1};
  auto unet = unet_of(ssd);
  CHECK(unet.levels[2].down == Ints{4, 4});
  CHECK(unet.levels[2].up == Ints{4, 4, 10});
  CHECK(unet.levels[1].up == Ints{2, 1, 1});
  CHECK_FALSE(unet.levels[0].attends());
  CHECK(unet.middle_resnets == 1);
  CHECK(unet.middle_depth == 0);
  auto koala = sdxl_with("mid_block_type", nullptr);
  koala["layers_per_block"] = 1, koala["transformer_layers_per_block"] = {0, 2, 5};
  unet = unet_of(koala);
  CHECK(unet.levels[2].down == Ints{5});
  CHECK(unet.levels[2].up == Ints{5, 5});
  CHECK(unet.middle_resnets == 0);
  unet = unet_of(sdxl_with("layers_per_block", {1, 2, 3}));
  CHECK(unet.levels[0].up.size() == 2);
  CHECK(unet.levels[2].down == Ints{10, 10, 10});
  unet = unet_of(sdxl_with("only_cross_attention", {false, true, false}));
  CHECK(unet.levels[0].self);
  CHECK_FALSE(unet.levels[1].self);
}

TEST_CASE("numbers that no network can have are refused with field and value") {
  const std::pair<const char*, Json> numbers[] = {
      {"block_out_channels", Json::array()},
      {"block_out_channels", {320, 0, 1280}},
      {"block_out_channels", {320, -640, 1280}},
      {"block_out_channels", {320, 2147483648, 1280}},
      {"block_out_channels", {320, 1e300, 1280}},
      {"block_out_channels", {320, "640", 1280}},
      {"block_out_channels", Json(std::vector<int>(1000, 32))},
      {"block_out_channels", 320},
      {"layers_per_block", 0},
      {"layers_per_block", -1},
      {"layers_per_block", 1000000},
      {"layers_per_block", 1.5},
      {"attention_head_dim", 7},
      {"attention_head_dim", 0},
      {"attention_head_dim", 1},
      {"attention_head_dim", {5, 10, 21}},
      {"norm_num_groups", 33},
      {"norm_num_groups", 0},
      {"norm_eps", -1},
      {"norm_eps", "small"},
      {"cross_attention_dim", 0},
      {"cross_attention_dim", -5},
      {"in_channels", 0},
      {"in_channels", 2147483648},
      {"out_channels", true},
      {"transformer_layers_per_block", {1, 2, 0}},
      {"transformer_layers_per_block", {1, 0, 10}},
      {"transformer_layers_per_block", {1, {2, 2, 2}, 10}},
      {"transformer_layers_per_block", {1, Json::array(), 10}},
      {"transformer_layers_per_block", {1, {2, "2"}, 10}},
      {"transformer_layers_per_block", {1, {2, {2}}, 10}},
      {"reverse_transformer_layers_per_block", {10, 2}},
      {"reverse_transformer_layers_per_block", {{10, 10}, 2, 1}},
      {"only_cross_attention", {true, false}},
      {"only_cross_attention", {1, 0, 0}},
      {"layers_per_block", {2, 0, 2}},
      {"transformer_layers_per_block", {1, 2}},
      {"transformer_layers_per_block", 4294967296},
      {"downsample_padding", 2},
      {"flip_sin_to_cos", 1},
      {"use_linear_projection", "yes"},
      {"addition_time_embed_dim", nullptr},
      {"projection_class_embeddings_input_dim", -1},
      {"time_cond_proj_dim", -1},
      {"sample_size", 0},
      {"down_block_types", {"DownBlock2D"}},
      {"down_block_types", "DownBlock2D"},
      {"up_block_types", {1, 2, 3}},
  };
  for (const auto& [field, value] : numbers) {
    CAPTURE(std::string(field));
    CAPTURE(value.dump());
    CHECK(has(unet_refusal(sdxl_with(field, value)), {"bad_file", "unet/config.json", field}));
  }
}

TEST_CASE("a long or broken value in a config cannot make a long or broken message") {
  const auto message = unet_refusal({{"act_fn", std::string(100000, 'x')}});
  CHECK(message.size() < 500);
  CHECK(has(unet_refusal({{"act_fn", "\x01"}}), {"\\u0001"}));
  CHECK(has(unet_refusal(Json::array()), {"bad_file", "unet/config.json"}));
}

TEST_CASE("a field that nobody knows is noted, as Diffusers ignores it too") {
  std::vector<std::string> notes;
  unet_config(sdxl_with("brand_new", 3), "unet/config.json", notes);
  REQUIRE(notes.size() == 1);
  CHECK(has(notes[0], {"brand_new"}));
  notes.clear();
  unet_config(kSdxl, "unet/config.json", notes);
  CHECK(notes.empty());
}

TEST_CASE("a VAE's config is read or refused field by field") {
  const Json good = {{"block_out_channels", {128, 256}},
                     {"scaling_factor", 0.5},
                     {"latents_mean", {0, 0, 0, 0}},
                     {"latents_std", {1, 2, 3, 4}}};
  const auto config = vae_of(good);
  CHECK(config.scaling_factor == 0.5f);
  CHECK(config.latents_std == std::vector<float>{1, 2, 3, 4});
  const std::pair<const char*, Json> wrong[] = {
      {"block_out_channels", {128, 0}}, {"norm_num_groups", 7},   {"scaling_factor", 0},       {"scaling_factor", -1},
      {"latents_std", {1, 2, 3, 0}},    {"latents_std", {1, 2}},  {"latents_mean", {1, 2, 3}}, {"latent_channels", 0},
      {"layers_per_block", 1e9},        {"use_quant_conv", "no"},
  };
  for (const auto& [field, value] : wrong) {
    CAPTURE(std::string(field));
    auto json = good;
    json[field] = value;
    CHECK(has(vae_refusal(json), {"bad_file", "vae/config.json", "_"}));
  }
  const std::pair<const char*, Json> other[] = {
      {"_class_name", "AutoencoderTiny"},
      {"act_fn", "relu"},
      {"down_block_types", {"DownEncoderBlock2D", "AttnDownEncoderBlock2D"}},
      {"up_block_types", {"UpDecoderBlock2D"}},
      {"norm_num_groups", nullptr},
  };
  for (const auto& [field, value] : other) {
    CAPTURE(std::string(field));
    auto json = good;
    json[field] = value;
    CHECK(has(vae_refusal(json), {"unsupported_model", "vae/config.json", field}));
  }
}
