// Under which names files know a model's layers, and how their numbers are scaled.
#include <cmath>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const TinyModel& sdxl() {
  static const TinyModel model("sdxl");
  return model;
}

/** The tensor that a file with this one key for a LoRA's matrices changes, as "network.tensor". */
std::string changed(const TinyModel& model, const std::string& down, const std::string& up, std::vector<int64_t> in,
                    std::vector<int64_t> out) {
  AdapterFile file;
  file.add(down, std::move(in)).add(up, std::move(out));
  const auto adapter = file.read(model);
  REQUIRE(adapter.deltas.size() == 1);
  REQUIRE(adapter.deltas.begin()->second.size() == 1);
  return adapter.deltas.begin()->first + "." + adapter.deltas.begin()->second.begin()->first;
}

/** difference() at strength 1 over that without any alpha: the scale. */
double scale(const adapters::Adapter& adapter, double plain) {
  const auto& [tensor, delta] = *adapter.deltas.at("unet").begin();
  return mx::array(mx::max(delta->difference(sd1().original("unet", tensor), 1))).item<float>() / plain;
}

const std::string kQ = "mid_block.attentions.0.transformer_blocks.0.attn1.to_q";

}  // namespace

TEST_CASE("a layer of the UNet has a name for each tool") {
  const std::string tensor = "unet." + kQ + ".weight";
  for (const std::string layer : {
           "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
           "lora_unet_middle_block_1_transformer_blocks_0_attn1_to_q",
           "lycoris_mid_block_attentions_0_transformer_blocks_0_attn1_to_q",
           "diffusion_model.middle_block.1.transformer_blocks.0.attn1.to_q",
           "unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q",
       }) {
    CAPTURE(layer);
    CHECK(changed(sd1(), layer + ".lora_down.weight", layer + ".lora_up.weight", {2, 24}, {24, 2}) == tensor);
  }
  for (const std::string prefix : {"unet.", "base_model.model.", "unet.base_model.model.", ""})
    for (const std::string leaf : {"weight", "default.weight", "my_adapter.weight"})
      CHECK(changed(sd1(), prefix + kQ + ".lora_A." + leaf, prefix + kQ + ".lora_B." + leaf, {2, 24}, {24, 2}) ==
            tensor);
  const std::string attention = "mid_block.attentions.0.transformer_blocks.0.attn1";
  CHECK(changed(sd1(), "unet." + attention + ".processor.to_out_lora.down.weight",
                "unet." + attention + ".processor.to_out_lora.up.weight", {2, 24},
                {24, 2}) == "unet." + attention + ".to_out.0.weight");
  CHECK(changed(sd1(), attention + ".to_q.lora.down.weight", attention + ".to_q.lora.up.weight", {2, 24}, {24, 2}) ==
        tensor);
}

TEST_CASE("a layer of a text encoder has a name for each tool") {
  const std::string layer = "text_model.encoder.layers.1.self_attn.q_proj", tensor = layer + ".weight";
  const std::string plain = "text_model_encoder_layers_1_self_attn_q_proj";
  for (const std::string& name : {"lora_te_" + plain, "lora_te1_" + plain, "text_encoders.clip_l.transformer." + layer})
    for (const auto* model : {&sd1(), &sdxl()})
      CHECK(changed(*model, name + ".lora_down.weight", name + ".lora_up.weight", {1, 24}, {24, 1}) ==
            "text_encoder." + tensor);
  CHECK(changed(sdxl(), "lora_te2_" + plain + ".lora_down.weight", "lora_te2_" + plain + ".lora_up.weight", {1, 32},
                {32, 1}) == "text_encoder_2." + tensor);
  CHECK(changed(sdxl(), "text_encoder_2." + layer + ".lora_A.weight", "text_encoder_2." + layer + ".lora_B.weight",
                {1, 32}, {32, 1}) == "text_encoder_2." + tensor);
  const std::string flat = "text_encoder.encoder.layers.1.self_attn.";
  CHECK(changed(sd1(), flat + "q_proj.lora_A.weight", flat + "q_proj.lora_B.weight", {1, 24}, {24, 1}) ==
        "text_encoder." + tensor);
  CHECK(changed(sd1(), "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.down.weight",
                "text_encoder.text_model.encoder.layers.1.self_attn.to_q_lora.up.weight", {1, 24},
                {24, 1}) == "text_encoder." + tensor);
  CHECK(changed(sdxl(), "lora_te2_transformer_resblocks_1_mlp_c_fc.lora_down.weight",
                "lora_te2_transformer_resblocks_1_mlp_c_fc.lora_up.weight", {1, 32},
                {64, 1}) == "text_encoder_2.text_model.encoder.layers.1.mlp.fc1.weight");
}

TEST_CASE("the scale is alpha / rank, of the file's own alpha first, then of PEFT's settings") {
  const auto file = [] {
    AdapterFile f;
    f.add("unet." + kQ + ".lora_A.weight", {4, 24}).add("unet." + kQ + ".lora_B.weight", {24, 4});
    return f;
  };
  const double plain = scale(file().read(sd1()), 1);
  const auto scaled = [&](const AdapterFile& f) { return doctest::Approx(scale(f.read(sd1()), plain)); };
  const auto with = [&](const std::string& settings) { return file().meta("lora_adapter_metadata", settings); };
  CHECK(1.0 == scaled(file()));
  CHECK(2.0 == scaled(file().add("unet." + kQ + ".alpha", {}, {8})));
  CHECK(2.0 == scaled(file().add("unet." + kQ + ".alpha", {1}, {8})));
  CHECK(1.0 == scaled(file().add("unet." + kQ + ".alpha", {}, {0})));
  const int64_t eight = 8;
  CHECK(2.0 == scaled(file().add("unet." + kQ + ".alpha", io::StoredType::i64, {}, &eight, 8)));
  CHECK(4.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16})")));
  CHECK(8.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16, "unet.use_rslora": true})")));
  CHECK(3.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16, "unet.alpha_pattern": {"attn1.to_q": 12}})")));
  CHECK(4.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16, "unet.alpha_pattern": {"to_q.attn1": 12}})")));
  CHECK(4.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16, "unet.alpha_pattern": {"^attn1.to_q": 12}})")));
  CHECK(4.0 == scaled(with(R"({"unet.r": 9, "unet.lora_alpha": 16, "unet.rank_pattern": {"attn1\\.to_q": 4}})")));
  CHECK(1.0 == scaled(with(R"({"text_encoder.r": 4, "text_encoder.lora_alpha": 16})")));
  CHECK(2.0 == scaled(with(R"({"unet.r": 4, "unet.lora_alpha": 16})").add("unet." + kQ + ".alpha", {}, {8})));
}

TEST_CASE("PEFT's adapter_config.json beside its file is read") {
  AdapterFile file;
  file.add("base_model.model." + kQ + ".lora_A.weight", {4, 24})
      .add("base_model.model." + kQ + ".lora_B.weight", {24, 4});
  const double plain = scale(file.read(sd1()), 1);
  put(file.folder() / "adapter_config.json", R"({"peft_type": "LORA", "r": 4, "lora_alpha": 12, "revision": null})");
  CHECK(scale(file.read(sd1(), {}, "adapter_model.safetensors"), plain) == doctest::Approx(3));
  CHECK(scale(file.read(sd1()), plain) == doctest::Approx(1));
}
