// The layers of real models, at their true sizes: every one has names of its own in every tool.
#include "../model/full_size.h"

#include <fmt/format.h>

#include "adapters/names.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** A checkpoint's names as a model has them. */
std::map<std::string, std::vector<int64_t>> diffusers(io::Naming naming, const Shapes& original) {
  io::Tensors tensors;
  for (const auto& [name, shape] : original) tensors[name].shape = shape;
  std::map<std::string, std::vector<int64_t>> result;
  for (const auto& [name, view] : io::to_diffusers(naming, tensors)) result[name] = view.shape;
  return result;
}

adapters::Shapes sdxl() {
  return {{"unet", diffusers(io::Naming::ldm_unet, unet_shapes(sdxl_unet(), ""))},
          {"text_encoder", diffusers(io::Naming::clip, clip_shapes(""))},
          {"text_encoder_2", diffusers(io::Naming::open_clip, open_clip_shapes("", 1280, 32))}};
}

/** "unet:mid_block.resnets.0.conv1", "" for none. */
std::string found(const adapters::Names& names, const std::string& text) {
  const auto* module = names.find(text);
  return module ? module->network + ":" + module->name : "";
}

std::string underscored(std::string text) {
  std::replace(text.begin(), text.end(), '.', '_');
  return text;
}

}  // namespace

TEST_CASE("every layer of SDXL is found by kohya's names, LDM's and Diffusers', and by PEFT's") {
  const auto model = sdxl();
  const adapters::Names names(model);
  std::vector<std::string> tensors;
  for (const auto& [tensor, shape] : model.at("unet")) tensors.push_back(tensor);
  size_t checked = 0;
  for (const auto& [tensor, ldm] : io::from_diffusers(io::Naming::ldm_unet, tensors)) {
    const auto layer = tensor.substr(0, tensor.rfind('.')), original = ldm.substr(0, ldm.rfind('.'));
    CAPTURE(layer);
    const auto expected = "unet:" + layer;
    bool all = true;
    for (const auto& name : {"lora_unet_" + underscored(layer), "lora_unet_" + underscored(original), "unet." + layer,
                             "diffusion_model." + original, "base_model.model." + layer})
      all &= found(names, name) == expected;
    CHECK(all);
    ++checked;
  }
  CHECK(checked == tensors.size());
  for (const auto& [network, prefix] :
       {std::pair("text_encoder", "lora_te1_"), std::pair("text_encoder_2", "lora_te2_")})
    for (const auto& [tensor, shape] : model.at(network)) {
      if (!tensor.ends_with(".weight")) continue;
      const auto layer = tensor.substr(0, tensor.rfind('.'));
      CAPTURE(layer);
      CHECK(found(names, prefix + underscored(layer)) == std::string(network) + ":" + layer);
    }
}

TEST_CASE("names that real files have") {
  const adapters::Names xl(sdxl());
  const adapters::Names one({{"unet", diffusers(io::Naming::ldm_unet, unet_shapes(sd1_unet(), ""))},
                             {"text_encoder", diffusers(io::Naming::clip, clip_shapes(""))}});
  // kohya's trainer for SDXL, and its convolutions.
  CHECK(found(xl, "lora_unet_input_blocks_7_1_transformer_blocks_9_attn2_to_out_0") ==
        "unet:down_blocks.2.attentions.0.transformer_blocks.9.attn2.to_out.0");
  CHECK(found(xl, "lora_unet_input_blocks_6_0_op") == "unet:down_blocks.1.downsamplers.0.conv");
  CHECK(found(xl, "lora_unet_output_blocks_2_2_conv") == "unet:up_blocks.0.upsamplers.0.conv");
  CHECK(found(xl, "lora_unet_output_blocks_8_0_skip_connection") == "unet:up_blocks.2.resnets.2.conv_shortcut");
  CHECK(found(xl, "lora_unet_label_emb_0_2") == "unet:add_embedding.linear_2");
  CHECK(found(xl, "lora_unet_out_2") == "unet:conv_out");
  CHECK(found(xl, "lora_te2_text_projection") == "text_encoder_2:text_projection");
  // B-LoRA: content and style.
  CHECK(found(xl, "unet.up_blocks.0.attentions.1.transformer_blocks.9.attn1.to_out.0") ==
        "unet:up_blocks.0.attentions.1.transformer_blocks.9.attn1.to_out.0");
  // LCM, Lightning, Hyper: Diffusers' names, all layers.
  CHECK(found(xl, "lora_unet_add_embedding_linear_1") == "unet:add_embedding.linear_1");
  CHECK(found(one, "lora_unet_time_embedding_linear_1") == "unet:time_embedding.linear_1");
  CHECK(found(one, "lora_unet_down_blocks_3_resnets_1_time_emb_proj") == "unet:down_blocks.3.resnets.1.time_emb_proj");
  CHECK(found(one, "lora_unet_up_blocks_2_upsamplers_0_conv") == "unet:up_blocks.2.upsamplers.0.conv");
  CHECK(found(one, "unet.mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj") ==
        "unet:mid_block.attentions.0.transformer_blocks.0.ff.net.0.proj");
  CHECK(found(one, "lora_te_text_model_encoder_layers_11_mlp_fc2") ==
        "text_encoder:text_model.encoder.layers.11.mlp.fc2");
  // Nothing is guessed.
  for (const auto* name :
       {"lora_unet_down_blocks_3_attentions_0_proj_in", "lora_te2_text_model_final_layer_norm", "unet.", "lora_unet_",
        "", "unet", "down_blocks_0_resnets_0_conv1", "lora_unet_down.blocks.0"})
    CHECK(found(one, name) == "");
}
