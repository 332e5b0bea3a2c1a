// What loading refuses about tensors is refused by inspect and explain too.
#include "model/files/check_tensors.h"

#include <doctest/doctest.h>
#include <functional>

#include "corepulse/pipeline.h"

#include "../io/support.h"
#include "full_size.h"
#include "io/tensors/safetensors.h"
#include "support/places.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kModels = test::golden_folder() + "/models/";

using Change = std::function<void(io::Tensors&)>;

/** Inspects, explains and loads a tiny model with changed tensors: the one message of all three. */
std::string refused_by_all(const Change& change) {
  const Folder folder;
  auto tensors = io::open_safetensors(kModels + "sd1.safetensors").tensors;
  change(tensors);
  io::write_safetensors(folder / "model.safetensors", tensors);
  Recipe recipe;
  recipe.model = (folder / "model.safetensors").string(), recipe.config = kModels + "sd1", recipe.family = "sd1";
  const auto source = model_source(recipe);
  const auto inspected = refusal([&] { inspect_model(source); });
  CHECK(refusal([&] { explain(recipe); }) == inspected);
  CHECK(refusal([&] { Pipeline::load(source); }) == inspected);
  return inspected;
}

std::string refused(const Shapes& shapes, const std::map<std::string, std::string>& bytes_as = {}) {
  const Folder folder;
  write_header_only(folder / "model.safetensors", shapes, {}, bytes_as);
  return refusal([&] { inspect_model({.model = (folder / "model.safetensors").string()}); });
}

constexpr const char* kBias = "model.diffusion_model.middle_block.1.norm.bias";

}  // namespace

TEST_CASE("inspect and explain refuse the tensors that generate refuses, in the same words") {
  CHECK(refused_by_all([](auto&) {}) == "");
  CHECK(has(refused_by_all([](auto& tensors) { REQUIRE(tensors.erase(kBias) == 1); }),
            {"unsupported_model", "mid_block.attentions.0.norm.bias is missing"}));
  CHECK(has(refused_by_all([](auto& tensors) {
              auto& shape = tensors.at(kBias).shape;
              shape = {2, shape.at(0) / 2};
            }),
            {"unsupported_model", "mid_block.attentions.0.norm.bias is [2, "}));
  CHECK(has(refused_by_all([](auto& tensors) {
              auto& view = tensors.at(kBias);
              view.type = io::StoredType::i8, view.bytes = view.elements();
            }),
            {"unsupported_model", "mid_block.attentions.0.norm.bias is stored as I8", "F16"}));
  CHECK(has(refused_by_all(
                [](auto& tensors) { tensors["model.diffusion_model.middle_block.1.more.weight"] = tensors.at(kBias); }),
            {"unsupported_model", "mid_block.attentions.0.more.weight"}));
}

TEST_CASE("a full-size file that lacks any one of a block's tensors is refused with that tensor's name") {
  for (const auto& [ldm, name] : std::vector<std::pair<std::string, const char*>>{
           {"model.diffusion_model.input_blocks.4.1.transformer_blocks.0.norm1.weight",
            "down_blocks.1.attentions.0.transformer_blocks.0.norm1.weight"},
           {"model.diffusion_model.input_blocks.2.0.in_layers.0.weight", "down_blocks.0.resnets.1.norm1.weight"},
           {"model.diffusion_model.input_blocks.3.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight"},
           {"model.diffusion_model.output_blocks.5.2.conv.weight", "up_blocks.1.upsamplers.0.conv.weight"},
           {"first_stage_model.decoder.up.3.block.0.norm1.weight", "decoder.up_blocks.0.resnets.0.norm1.weight"},
           {"first_stage_model.encoder.mid.attn_1.q.weight", "encoder.mid_block.attentions.0.to_q.weight"},
           {"conditioner.embedders.1.model.transformer.resblocks.7.ln_1.weight",
            "text_model.encoder.layers.7.layer_norm1.weight"},
           {"conditioner.embedders.0.transformer.text_model.encoder.layers.11.mlp.fc2.bias",
            "text_model.encoder.layers.11.mlp.fc2.bias"}}) {
    CAPTURE(ldm);
    auto shapes = sdxl_shapes();
    REQUIRE(shapes.erase(ldm) == 1);
    const auto message = refused(shapes);
    CAPTURE(message);
    CHECK(has(message, {"unsupported_model", name, "missing"}));
  }
}

TEST_CASE("weights in integers are refused with the tensor's name, and 8-bit floats are not") {
  const std::string tensor = "model.diffusion_model.middle_block.1.proj_in.weight";
  for (const auto* type : {"I8", "U8", "BOOL"})
    CHECK(has(refused(sdxl_shapes(), {{tensor, type}}),
              {"unsupported_model", "mid_block.attentions.0.proj_in.weight", type}));
  CHECK(refused(sdxl_shapes(), {{tensor, "F8_E4M3"}}) == "");
}

TEST_CASE("a UNet with parts taken out is what it is; one that lacks half a block is named") {
  CHECK(refused(sdxl_shapes(ssd1b_unet())) == "");
  CHECK(refused(sdxl_shapes(vega_unet())) == "");
  auto shapes = sdxl_shapes();
  std::erase_if(shapes, [](const auto& entry) { return entry.first.find("output_blocks.8.0.") != std::string::npos; });
  CHECK(has(refused(shapes), {"unsupported_model", "up_blocks.2 has 2 resnets", "imply 3"}));
  shapes = sdxl_shapes();
  std::erase_if(shapes, [](const auto& entry) { return entry.first.find("middle_block.2.") != std::string::npos; });
  CHECK(has(refused(shapes), {"unsupported_model", "middle block has 1 resnets"}));
}
