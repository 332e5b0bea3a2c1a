#include "io/tensors/ldm_names.h"

#include <cstring>
#include <doctest/doctest.h>

#include "../io/support.h"
#include "io/tensors/safetensors.h"
#include "model/parts.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::model;
using io::from_diffusers;
using io::Naming;
using io::to_diffusers;
using namespace corepulse::test;

namespace {

std::string golden(const std::string& name) {
  return test::golden_folder() + "/models/" + name;
}

Parts folder_parts(const std::string& name) {
  return understand({.model = golden(name)});
}

Parts file_parts(const std::string& name, const std::string& family) {
  return understand({.model = golden(name + ".safetensors"), .config = golden(name), .family = family});
}

/** Same numbers; a matrix may be stored as a 1x1 convolution or transposed. */
bool same_numbers(const io::TensorView& a, const io::TensorView& b) {
  if (a.type != b.type || a.bytes != b.bytes) return false;
  if (!b.transposed) return std::memcmp(a.data, b.data, a.bytes) == 0;
  const size_t rows = a.shape.at(0), columns = a.shape.at(1), size = a.bytes / (rows * columns);
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c)
      if (std::memcmp(a.data + (r * columns + c) * size, b.data + (c * rows + r) * size, size) != 0) return false;
  return true;
}

void check_same(const Parts& folder, const Parts& file, Part part) {
  CAPTURE(name(part));
  const auto& expected = folder.collection.networks.at(part).stored.tensors;
  const auto& tensors = file.collection.networks.at(part).stored.tensors;
  CHECK(tensors.size() == expected.size());
  for (const auto& [name, view] : expected) {
    CAPTURE(name);
    REQUIRE(tensors.contains(name));
    CHECK(same_numbers(view, tensors.at(name)));
  }
}

io::Tensors named(std::initializer_list<const char*> names) {
  io::Tensors tensors;
  for (const auto* name : names) tensors[name] = {io::StoredType::f32, {3}, nullptr, 12, false, nullptr};
  return tensors;
}

}  // namespace

TEST_CASE("a folder and a single file of the same model give the same tensors under the same names") {
  for (const std::string name : {"sd1", "sd2", "sdxl"}) {
    CAPTURE(name);
    const auto folder = folder_parts(name), file = file_parts(name, name);
    REQUIRE(file.collection.networks.size() == folder.collection.networks.size());
    for (const auto& [part, network] : folder.collection.networks) check_same(folder, file, part);
  }
}

TEST_CASE("a file with the UNet alone gives the folder's tensors too") {
  const auto folder = folder_parts("inpaint");
  const auto file = understand({.model = golden("inpaint.safetensors"),
                                .vae = golden("inpaint/vae"),
                                .text_encoder = golden("inpaint/text_encoder"),
                                .config = golden("inpaint"),
                                .family = "sd1"});
  check_same(folder, file, Part::unet);
}

TEST_CASE("a single file has as many tensors left as its networks use: the ignore list is exact") {
  // Copies, buffers and constants that the tiny files hold on purpose.
  for (const auto* name : {"betas", "alphas_cumprod", "sqrt_alphas_cumprod", "model_ema.decay", "denoiser.sigmas",
                           "cond_stage_model.transformer.text_model.embeddings.position_ids",
                           "cond_stage_model.model.logit_scale", "first_stage_model.loss.logvar"})
    CHECK(is_ignored(name));
  for (const auto* name : {"beta", "model.diffusion_model.out.0.weight", "first_stage_model.encoder.conv_in.bias",
                           "cond_stage_model.transformer.text_model.final_layer_norm.weight"})
    CHECK_FALSE(is_ignored(name));
}

TEST_CASE("old VAEs' attention gets its new names") {
  const auto tensors = to_diffusers(
      Naming::diffusers,
      named({"encoder.mid_block.attentions.0.query.weight", "encoder.mid_block.attentions.0.key.bias",
             "decoder.mid_block.attentions.0.value.weight", "decoder.mid_block.attentions.0.proj_attn.bias",
             "decoder.mid_block.attentions.0.group_norm.weight", "decoder.conv_in.weight"}));
  for (const auto* name : {"encoder.mid_block.attentions.0.to_q.weight", "encoder.mid_block.attentions.0.to_k.bias",
                           "decoder.mid_block.attentions.0.to_v.weight", "decoder.mid_block.attentions.0.to_out.0.bias",
                           "decoder.mid_block.attentions.0.group_norm.weight", "decoder.conv_in.weight"})
    CHECK(tensors.contains(name));
}

TEST_CASE("a text encoder's tensors come with or without text_model.") {
  const auto names = {"embeddings.position_embedding.weight", "encoder.layers.0.layer_norm1.bias",
                      "final_layer_norm.weight", "text_projection.weight"};
  const auto without = to_diffusers(Naming::clip, named(names));
  CHECK(without.contains("text_model.encoder.layers.0.layer_norm1.bias"));
  CHECK(without.contains("text_projection.weight"));
  CHECK(to_diffusers(Naming::clip, without).size() == without.size());
  for (const auto& [name, view] : without) CHECK(to_diffusers(Naming::clip, without).contains(name));
}

TEST_CASE("a fused projection becomes three views of its thirds") {
  const std::string bytes = "qqqqkkkkvvvv";
  io::Tensors fused;
  fused["transformer.resblocks.3.attn.in_proj_bias"] = {
      io::StoredType::f32, {3}, reinterpret_cast<const std::byte*>(bytes.data()), bytes.size(), false, nullptr};
  const auto tensors = to_diffusers(Naming::open_clip, fused);
  REQUIRE(tensors.size() == 3);
  for (const auto* third : {"q", "k", "v"}) {
    const auto& view = tensors.at(std::string("text_model.encoder.layers.3.self_attn.") + third + "_proj.bias");
    CHECK(view.shape == std::vector<int64_t>{1});
    CHECK(std::string(reinterpret_cast<const char*>(view.data), view.bytes) == std::string(4, third[0]));
  }
}

TEST_CASE("names that follow no rule stay, so that loading names them; two of one name are an error") {
  const auto tensors =
      to_diffusers(Naming::ldm_unet,
                   named({"input_blocks.77.0.in_layers.0.weight", "output_blocks.-1.0.in_layers.0.weight",
                          "input_blocks.99999999999999999999.0.op.weight", "time_embed.01.weight", "out.1.weight"}));
  for (const auto* name : {"input_blocks.77.0.in_layers.0.weight", "output_blocks.-1.0.in_layers.0.weight",
                           "input_blocks.99999999999999999999.0.op.weight", "time_embed.01.weight", "out.1.weight"})
    CHECK(tensors.contains(name));
  CHECK(has(refusal([] { to_diffusers(Naming::ldm_unet, named({"out.2.weight", "conv_out.weight"})); }),
            {"bad_file", "conv_out.weight"}));
}

TEST_CASE("Diffusers' names have the original ones of a single file, but for fused projections") {
  for (const std::string name : {"sd1", "sd2", "sdxl"}) {
    CAPTURE(name);
    const auto folder = folder_parts(name);
    const auto file = io::open_safetensors(golden(name + ".safetensors"));
    std::vector<std::string> names;
    for (const auto& [tensor, view] : folder.collection.networks.at(Part::unet).stored.tensors) names.push_back(tensor);
    const auto original = from_diffusers(Naming::ldm_unet, names);
    CHECK(original.size() == names.size());
    for (const auto& [diffusers, ldm] : original) {
      CAPTURE(diffusers);
      REQUIRE(file.tensors.contains("model.diffusion_model." + ldm));
      CHECK(same_numbers(folder.collection.networks.at(Part::unet).stored.tensors.at(diffusers),
                         file.tensors.at("model.diffusion_model." + ldm)));
    }
  }
  const auto text = from_diffusers(Naming::open_clip, {"text_model.encoder.layers.11.mlp.fc1.weight",
                                                       "text_model.encoder.layers.11.self_attn.out_proj.bias"});
  CHECK(text.at("text_model.encoder.layers.11.mlp.fc1.weight") == "transformer.resblocks.11.mlp.c_fc.weight");
  CHECK(text.at("text_model.encoder.layers.11.self_attn.out_proj.bias") ==
        "transformer.resblocks.11.attn.out_proj.bias");
}
