// What is wrong with a file is said before any arithmetic, with the key that shows it.
#include <cmath>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kLayer = "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q";
const std::string kDown = kLayer + ".lora_down.weight", kUp = kLayer + ".lora_up.weight", kAlpha = kLayer + ".alpha";

AdapterFile sound() {
  AdapterFile file;
  file.add(kDown, {2, 24}).add(kUp, {24, 2});
  return file;
}

#define CHECK_REFUSED(file, ...)                                     \
  do {                                                               \
    const std::string error = (file).refusal(sd1());                 \
    CAPTURE(error);                                                  \
    CHECK(has(error, {"[adapter] ", "a.safetensors", __VA_ARGS__})); \
  } while (false)

}  // namespace

TEST_CASE("a sound file is read, so that the refusals below mean something") {
  CHECK(sound().refusal(sd1()) == "");
  CHECK(sound().read(sd1()).format == "kohya LoRA, rank 2");
}

TEST_CASE("a key that belongs to no layer refuses the file, or becomes a note") {
  auto file = sound();
  file.add("lora_unet_mid_block_attentions_7_proj_in.lora_down.weight", {2, 24}).add("hello", {1});
  CHECK_REFUSED(file, "unsupported_model: ", "2 of 4",
                "hello, lora_unet_mid_block_attentions_7_proj_in.lora_down.weight", "--lora-strict=no");
  const auto adapter = file.read(sd1(), {.strict = false});
  CHECK(adapter.deltas.at("unet").size() == 1);
  REQUIRE(adapter.notes.size() == 1);
  CHECK(has(adapter.notes[0], {"2 of 4", "hello", "left out"}));
  AdapterFile nothing;
  nothing.add("hello", {1});
  CHECK(has(nothing.refusal(sd1(), {.strict = false}), {"unsupported_model: ", "1 of 1", "hello"}));
  CHECK_REFUSED(AdapterFile(), "unsupported_model: ", "names no layer");
}

TEST_CASE("a list of unknown keys is short and printable") {
  auto file = sound();
  for (int i = 0; i < 200; ++i) file.add("key " + std::to_string(i) + "\n" + std::string(500, 'x'), {1});
  const auto error = file.refusal(sd1());
  CHECK(error.size() < 2000);
  CHECK(error.find('\n') == error.npos);
  CHECK(has(error, {"200 of 202", ", ..."}));
}

TEST_CASE("a file for another family is one error, whatever does not fit first") {
  AdapterFile xl;
  xl.add("lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k.lora_down.weight", {2, 2048})
      .add("lora_unet_input_blocks_4_1_transformer_blocks_1_attn2_to_k.lora_up.weight", {640, 2});
  CHECK_REFUSED(xl, "unsupported_model: ", "is for Stable Diffusion XL, and the model is Stable Diffusion 1");
  CHECK(has(xl.refusal(sd1(), {.strict = false}), {"is for Stable Diffusion XL"}));
  AdapterFile sd2;  // the same names, other shapes
  sd2.add("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_down.weight", {2, 1024})
      .add("lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.lora_up.weight", {320, 2});
  CHECK_REFUSED(sd2, "unsupported_model: ", "is for Stable Diffusion 2");
  AdapterFile flux;
  flux.add("lora_unet_double_blocks_0_img_attn_qkv.lora_down.weight", {2, 8});
  CHECK_REFUSED(flux, "unsupported_model: ", "is for Flux");
  flux.add("lora_te_text_model_encoder_layers_0_mlp_fc1.alpha", {1});  // whose text encoder is ours, too
  CHECK(has(flux.refusal(sd1(), {.strict = false}), {"is for Flux"}));
  AdapterFile said;
  said.add("lora_unet_hello.lora_down.weight", {2, 8}).meta("ss_base_model_version", "sdxl_base_v1-0");
  CHECK_REFUSED(said, "is for Stable Diffusion XL");
  const TinyModel sdxl("sdxl");
  CHECK(has(sound().add("lora_unet_up_blocks_3_resnets_0_conv1.lora_down.weight", {2, 8, 3, 3}).refusal(sdxl),
            {"is for Stable Diffusion 1 or 2, and the model is Stable Diffusion XL"}));
}

TEST_CASE("shapes are those of the layer") {
  CHECK_REFUSED(AdapterFile().add(kDown, {2, 25}).add(kUp, {24, 2}), "bad_file: ", kDown.c_str(), "[2, 25]",
                "expected [rank, 24]", "[24, 24]");
  CHECK_REFUSED(AdapterFile().add(kDown, {2, 24}).add(kUp, {25, 2}), "bad_file: ", kUp.c_str(), "expected [24, 2]");
  CHECK_REFUSED(AdapterFile().add(kDown, {2, 24}).add(kUp, {24, 3}), "bad_file: ", kUp.c_str());
  CHECK_REFUSED(AdapterFile().add(kDown, {2, 24, 3, 3}).add(kUp, {24, 2}), "bad_file: ", kDown.c_str());
  CHECK_REFUSED(AdapterFile().add(kDown, {48}).add(kUp, {24, 2}), "bad_file: ", kDown.c_str());
  CHECK_REFUSED(AdapterFile().add(kDown, {17000, 24}).add(kUp, {24, 17000}), "bad_file: ", "[17000, 24]");
  CHECK_REFUSED(AdapterFile().add("lora_unet_conv_norm_out.lora_down.weight", {2, 16}), "bad_file: ", "norm_out");
  // A matrix of a 1x1 convolution, and the other way round, is the same.
  CHECK(AdapterFile().add(kDown, {2, 24, 1, 1}).add(kUp, {24, 2, 1, 1}).refusal(sd1()) == "");
}

TEST_CASE("tensors that hold nothing or no numbers") {
  CHECK_REFUSED(AdapterFile().add(kDown, {0, 24}).add(kUp, {24, 0}), "bad_file: ", "[0, 24]", "holds nothing");
  const std::vector<int8_t> bytes(48);
  CHECK_REFUSED(AdapterFile().add(kDown, io::StoredType::i8, {2, 24}, bytes.data(), 48).add(kUp, {24, 2}),
                "bad_file: ", kDown.c_str(), "stored as I8");
}

TEST_CASE("an alpha is one finite number") {
  CHECK_REFUSED(sound().add(kAlpha, {}, {NAN}), "bad_file: ", kAlpha.c_str(), "not finite");
  CHECK_REFUSED(sound().add(kAlpha, {}, {INFINITY}), "bad_file: ", "not finite");
  CHECK_REFUSED(sound().add(kAlpha, {2}), "bad_file: ", kAlpha.c_str(), "[2]", "one number");
  CHECK_REFUSED(AdapterFile().add(kAlpha, {}, {1}), "bad_file: ", kAlpha.c_str(), "not complete");
}

TEST_CASE("numbers that are not finite are refused when they are read") {
  auto file = AdapterFile().add(kDown, {2, 24}, {NAN});
  const auto adapter = file.add(kUp, {24, 2}).read(sd1());
  const auto& [tensor, delta] = *adapter.deltas.at("unet").begin();
  const auto original = sd1().original("unet", tensor);
  CHECK(has(refusal([&] { delta->difference(original, 1); }), {"bad_file: [adapter]", kDown.c_str(), "not finite"}));
  CHECK(has(refusal([&] { delta->factors(); }), {"bad_file: [adapter]", kDown.c_str(), "not finite"}));
}

TEST_CASE("half a layer, and a layer twice") {
  CHECK_REFUSED(AdapterFile().add(kDown, {2, 24}), "bad_file: ", kDown.c_str(), "no lora_up");
  CHECK_REFUSED(AdapterFile().add(kUp, {24, 2}), "bad_file: ", kUp.c_str(), "no lora_down");
  auto twice = sound();
  twice.add("unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", {2, 24});
  CHECK_REFUSED(twice, "bad_file: ", kDown.c_str(), "to_q.lora_A.weight", "both the lora_down of one layer");
}

TEST_CASE("the shapes of every kind are the layer's") {
  const auto refused = [](const std::string& slot, std::vector<int64_t> shape, std::initializer_list<const char*> says,
                          AdapterFile file = {}) {
    CAPTURE(slot);
    const auto key = kLayer + "." + slot;
    const auto error = file.add(key, std::move(shape)).refusal(sd1());
    CAPTURE(error);
    CHECK(has(error, {"bad_file: [adapter] ", key.c_str()}));
    CHECK(has(error, says));
  };
  const auto with = [](std::initializer_list<std::pair<const char*, std::vector<int64_t>>> tensors) {
    AdapterFile file;
    for (const auto& [slot, shape] : tensors) file.add(kLayer + "." + slot, shape);
    return file;
  };
  refused("hada_w2_b", {2, 25}, {"expected [2, 24]"},
          with({{"hada_w1_a", {24, 2}}, {"hada_w1_b", {2, 24}}, {"hada_w2_a", {24, 2}}}));
  refused("hada_t1", {2, 3, 1, 1}, {"expected [2, 2]"},
          with({{"hada_w1_a", {2, 24}}, {"hada_w1_b", {2, 24}}, {"hada_w2_a", {24, 2}}, {"hada_w2_b", {2, 24}}}));
  refused("lokr_w1", {5, 5}, {"does not divide"}, with({{"lokr_w2", {5, 5}}}));
  refused("lokr_w1", {4, 4, 4}, {"expected a matrix"}, with({{"lokr_w2", {6, 6}}}));
  refused("lokr_w2", {6, 7}, {"expected [6, 6]"}, with({{"lokr_w1", {4, 4}}}));
  refused("lokr_w2_b", {3, 6}, {"expected [2, 6]"}, with({{"lokr_w1", {4, 4}}, {"lokr_w2_a", {6, 2}}}));
  refused("dora_scale", {25, 1}, {"one number for each output"}, sound());
  refused("dora_scale", {24, 24}, {"one number for each output"}, sound());
  refused("diff", {24, 25}, {"expected [24, 24]"});
  refused("diff_b", {24}, {"the layer's bias is []"});
  refused("set_weight", {1}, {"expected [24, 24]"});
  refused("b2.weight", {3, 24}, {"expected [2, 24]"},
          with({{"a1.weight", {24, 2}}, {"a2.weight", {2, 24}}, {"b1.weight", {24, 2}}}));
  refused("oft_blocks", {5, 5, 5}, {"n * b = 24"});
  refused("oft_blocks", {6, 4, 3}, {"n * b = 24"});
  refused("oft_blocks", {4, 6, 4, 4}, {"stages"});  // the fourth stage would need 32 outputs
  refused("rescale", {25, 1}, {"expected [24, 1]"}, with({{"oft_blocks", {6, 4, 4}}}));
  refused("weight", {24, 24}, {"model's own weights"});
  refused("weight", {23}, {"expected 24 numbers"}, AdapterFile().add(kLayer + ".on_input", {}, {1}));
  refused("lora_mid.weight", {2, 3}, {"expected [2, 2]"}, sound());
}

TEST_CASE("kinds that are not known are named") {
  CHECK_REFUSED(sound().add("base_model.model.conv_in.hra_u", {1, 2}), "unsupported_model: ", "HRA", "conv_in.hra_u");
  CHECK_REFUSED(sound().add("base_model.model.conv_in.vera_lambda_b", {16}), "unsupported_model: ", "VeRA");
  CHECK_REFUSED(sound().add("lora_controlnet", {1}), "unsupported_model: ", "a ControlNet stored as a LoRA");
  CHECK_REFUSED(sound().add("bundle_emb.cat.string_to_param.*", {1, 24}), "unsupported_model: ", "bundled");
}

TEST_CASE("PEFT's OFT, BOFT and IA3 need shapes that fit, and OFT its settings") {
  const std::string q = "base_model.model.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
                    conv = "base_model.model.mid_block.resnets.0.conv1";
  const std::string exact = R"({"peft_type": "OFT", "r": 0, "use_cayley_neumann": false})";
  const auto oft = [&](std::vector<int64_t> shape, const std::string& settings) {
    AdapterFile file;
    file.add(q + ".oft_R.weight", std::move(shape));
    if (!settings.empty()) file.meta("lora_adapter_metadata", settings);
    return file;
  };
  CHECK(oft({6, 6}, exact).refusal(sd1()) == "");
  CHECK(oft({1, 6}, exact).refusal(sd1()) == "");  // one block for all
  CHECK_REFUSED(oft({6, 6}, ""), "bad_file: ", "adapter_config.json");
  CHECK_REFUSED(oft({6, 5}, exact), "bad_file: ", "n * b = 24");
  CHECK_REFUSED(oft({5, 6}, exact), "bad_file: ", "n * b = 24");
  CHECK_REFUSED(oft({1, 10}, exact), "bad_file: ", "n * b = 24");
  CHECK_REFUSED(oft({36}, exact), "bad_file: ", "n * b = 24");
  CHECK_REFUSED(oft({6, 6}, R"({"peft_type": "OFT"})"), "unsupported_model: ", "use_cayley_neumann");
  CHECK_REFUSED(oft({6, 6}, R"({"peft_type": "OFT", "use_cayley_neumann": true})"), "unsupported_model: ", "0.18");
  CHECK_REFUSED(oft({6, 6}, R"({"peft_type": "OFT", "use_cayley_neumann": true, "peft_version": "0.17.1"})"),
                "unsupported_model: ", "0.18");
  CHECK_REFUSED(oft({6, 6}, R"({"peft_type": "OFT", "use_cayley_neumann": false, "coft": true, "eps": 0})"),
                "bad_file: ", "eps");
  CHECK_REFUSED(AdapterFile().add(q + ".boft_R", {1, 6, 4, 4}), "bad_file: ", "boft_s");
  CHECK_REFUSED(AdapterFile().add(q + ".boft_R", {1, 6, 4, 3}).add(q + ".boft_s", {24, 1}), "bad_file: ", "n * b = 24");
  CHECK_REFUSED(AdapterFile().add(q + ".boft_R", {3, 6, 4, 4}).add(q + ".boft_s", {24, 1}), "bad_file: ", "stages");
  CHECK_REFUSED(AdapterFile().add(q + ".boft_R", {1, 6, 4, 4}).add(q + ".boft_s", {23, 1}), "bad_file: ", "24 numbers");
  CHECK_REFUSED(AdapterFile().add(q + ".ia3_l", {23, 1}), "bad_file: ", "ia3_l");
  // 24 inputs and 24 outputs: of a convolution the shape does not say whose they are.
  CHECK_REFUSED(AdapterFile().add(conv + ".ia3_l", {1, 24, 1, 1}), "bad_file: ", "feedforward_modules");
}

TEST_CASE("PEFT's settings are checked") {
  const auto with = [](const std::string& settings) {
    const std::string q = "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q";
    AdapterFile file;
    file.add(q + ".lora_A.weight", {2, 24}).add(q + ".lora_B.weight", {24, 2});
    return file.meta("lora_adapter_metadata", settings);
  };
  CHECK(with(R"({"unet.r": 2})").refusal(sd1()) == "");
  CHECK(has(with("{").refusal(sd1()), {"bad_file: ", "a.safetensors, lora_adapter_metadata"}));
  CHECK_REFUSED(with("[1]"), "bad_file: ", "no JSON object");
  CHECK_REFUSED(with(R"({"unet.r": 0})"), "bad_file: ", "unet.r");
  CHECK_REFUSED(with(R"({"unet.r": 1.5})"), "bad_file: ", "unet.r");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.lora_alpha": "much"})"), "bad_file: ", "unet.lora_alpha");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.use_rslora": 1})"), "bad_file: ", "unet.use_rslora");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.rank_pattern": [1]})"), "bad_file: ", "unet.rank_pattern");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.rank_pattern": {"to_q": -1}})"), "bad_file: ", "unet.rank_pattern");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.alpha_pattern": {"(a+)+$": 1}})"),
                "unsupported_model: ", "regular expression (a+)+$");
  CHECK_REFUSED(with(R"({"unet.r": 2, "unet.init_lora_weights": "pissa_niter_4"})"),
                "unsupported_model: ", "pissa_niter_4");
}
