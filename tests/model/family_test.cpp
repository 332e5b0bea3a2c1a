#include "model/family.h"

#include <doctest/doctest.h>

#include "../io/support.h"
#include "full_size.h"
#include "model/parts.h"

using namespace corepulse;
using namespace corepulse::model;
using namespace corepulse::test;

namespace {

/** What is found in a file of these tensors. */
ModelInfo found_in(const Shapes& shapes, ModelSource source = {},
                   const std::map<std::string, std::string>& metadata = {}) {
  const Folder folder;
  write_header_only(folder / "model.safetensors", shapes, metadata);
  source.model = (folder / "model.safetensors").string();
  return inspect_model(source);
}

std::string refused(const Shapes& shapes, const ModelSource& source = {}) {
  return refusal([&] { found_in(shapes, source); });
}

}  // namespace

TEST_CASE("the family of a whole file is told from its tensors") {
  const auto sd1 = found_in(sd1_shapes()), sd2 = found_in(sd2_shapes(), {.prediction = "v"}),
             sdxl = found_in(sdxl_shapes());
  CHECK(sd1.family == Family::sd1);
  CHECK(sd2.family == Family::sd2);
  CHECK(sdxl.family == Family::sdxl);
  CHECK(sd1.width == 512);
  CHECK(sd2.width == 768);
  CHECK(sdxl.width == 1024);
  for (const auto& info : {sd1, sd2, sdxl}) CHECK_FALSE(info.inpaint);
}

TEST_CASE("nine input channels are an inpainting model of any family") {
  for (const auto& [shapes, family] : {std::pair{sd1_shapes(9), Family::sd1}, std::pair{sd2_shapes(9), Family::sd2},
                                       std::pair{sdxl_shapes(9), Family::sdxl}}) {
    const auto info = found_in(shapes);
    CHECK(info.inpaint);
    CHECK(info.family == family);
  }
}

TEST_CASE("eight input channels are instruct-pix2pix, which is refused by name") {
  CHECK(has(refused(sd1_shapes(8)), {"unsupported_model", "8 channels", "instruct-pix2pix"}));
}

TEST_CASE("SDXL's refiner is recognised and refused by name") {
  CHECK(has(refused(refiner_shapes()), {"unsupported_model", "refiner", "base model"}));
}

TEST_CASE("files of other models and of additions are refused by their names") {
  const auto one = [](const std::string& name) { return refused({{name, {8, 8}}}); };
  CHECK(has(one("model.diffusion_model.double_blocks.0.img_attn.qkv.weight"), {"unsupported_model", "Flux"}));
  CHECK(has(one("model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"), {"Stable Diffusion 3"}));
  CHECK(has(one("lora_unet_input_blocks_4_1_proj_in.lora_down.weight"), {"a LoRA"}));
  CHECK(has(one("unet.down_blocks.0.attentions.0.proj_in.lora_A.weight"), {"a LoRA"}));
  CHECK(has(one("control_model.input_hint_block.0.weight"), {"a ControlNet"}));
  CHECK(has(one("emb_params"), {"textual inversion"}));
  CHECK(has(one("quite.another.tensor"), {"unsupported_model", "quite.another.tensor"}));
  for (const auto* marker : {"edm_mean", "edm_vpred.sigma_max"})
    CHECK(has(refused(sdxl_shapes() + Shapes{{marker, {4}}}), {"unsupported_model", "EDM"}));
  for (const auto* marker : {"scaled_fp8", "model.diffusion_model.middle_block.1.proj_in.scale_weight"})
    CHECK(has(refused(sdxl_shapes() + Shapes{{marker, {1}}}), {"unsupported_model", "scaled fp8", marker}));
}

TEST_CASE("what a file lacks is named with the option that gives it") {
  CHECK(has(refused(unet_shapes(sd1_unet())), {"unsupported_model", "no vae", "--vae"}));
  CHECK(has(refused(unet_shapes(sd1_unet()) + vae_shapes()), {"no text_encoder", "--text-encoder"}));
  const auto without_second =
      unet_shapes(sdxl_unet()) + vae_shapes() + clip_shapes("conditioner.embedders.0.transformer.");
  CHECK(has(refused(without_second), {"no text_encoder_2", "--text-encoder-2"}));
  CHECK(has(refused(vae_shapes()), {"no unet", "--unet"}));
}

TEST_CASE("a UNet alone, with or without its prefix, joins a VAE and a text encoder from other files") {
  const Folder folder;
  write_header_only(folder / "vae.safetensors", vae_shapes(""));
  write_header_only(folder / "text.safetensors", clip_shapes(""));
  for (const auto* prefix : {"", "model.diffusion_model."}) {
    const auto info = found_in(
        unet_shapes(sd1_unet(), prefix),
        {.vae = (folder / "vae.safetensors").string(), .text_encoder = (folder / "text.safetensors").string()});
    CHECK(info.family == Family::sd1);
    CHECK(info.components.size() == 3);
    CHECK(info.components[1].files[0] == (folder / "vae.safetensors").string());
  }
}

TEST_CASE("a component given by itself replaces the file's, also out of a whole checkpoint") {
  const Folder folder;
  write_header_only(folder / "other.safetensors", sd1_shapes());
  const auto other = (folder / "other.safetensors").string();
  const auto info = found_in(sd1_shapes(), {.vae = other});
  CHECK(info.components[0].files[0] != other);
  CHECK(info.components[1].files[0] == other);
  CHECK(has(refused(sd1_shapes(), {.text_encoder_2 = other}), {"unsupported_model", "text_encoder_2"}));
  CHECK(has(refused(sd1_shapes(), {.vae = (folder / "none").string()}), {"not_found", "--vae"}));
}

TEST_CASE("networks of different families do not fit together, and the message says why") {
  const Folder folder;
  write_header_only(folder / "text.safetensors", open_clip_shapes("", 1024, 24));
  CHECK(has(refused(sd1_shapes(), {.text_encoder = (folder / "text.safetensors").string()}),
            {"unsupported_model", "1024", "768"}));
  CHECK(has(refused(sd1_shapes(), {.family = "sdxl"}), {"unsupported_model"}));
  CHECK(has(refused(sdxl_shapes(), {.family = "sd1"}), {"unsupported_model"}));
}

TEST_CASE("a size that no family has needs the family's name") {
  auto unet = sd1_unet();
  unet.context = 24;
  CHECK(has(refused(unet_shapes(unet)), {"unsupported_model", "24", "768", "--family"}));
  CHECK(has(refused(sd1_shapes(), {.family = "sd3"}), {"invalid_request", "sd1, sd2, sdxl"}));
  CHECK(has(refused(sd1_shapes(), {.prediction = "xyz"}), {"invalid_request"}));
}

TEST_CASE("what a file predicts: the option first, then its markers, then its metadata, then its family") {
  const Shapes v_marker{{"v_pred", {}}}, zero_marker{{"ztsnr", {}}};
  CHECK(found_in(sd1_shapes()).prediction == Prediction::epsilon);
  CHECK(found_in(sdxl_shapes()).prediction == Prediction::epsilon);
  CHECK(found_in(sdxl_shapes() + v_marker).prediction == Prediction::v);
  CHECK(found_in(sdxl_shapes() + v_marker, {.prediction = "epsilon"}).prediction == Prediction::epsilon);
  CHECK(found_in(sdxl_shapes(), {}, {{"modelspec.prediction_type", "v"}}).prediction == Prediction::v);
  CHECK(found_in(sd2_shapes(), {}, {{"modelspec.prediction_type", "epsilon"}}).prediction == Prediction::epsilon);
  CHECK_FALSE(found_in(sdxl_shapes() + v_marker).zero_snr);
  CHECK(found_in(sdxl_shapes() + v_marker + zero_marker).zero_snr);
}

TEST_CASE("SD2's prediction is told from the spread of a bias, with a note, unless it is given") {
  const Folder folder;
  const auto file = folder / "model.safetensors";
  write_header_only(file, sd2_shapes());
  const auto found = [&](const std::string& half, const std::string& given = "") {
    std::string numbers;  // 320, half of them negative: their deviation is their size
    for (int i = 0; i < 160; ++i) numbers += half + std::string{half[0], static_cast<char>(half[1] | 0x80)};
    fill(file, "model.diffusion_model.output_blocks.11.1.transformer_blocks.0.norm1.bias", numbers);
    return inspect_model({.model = file.string(), .prediction = given});
  };
  const std::string tenth = "\x66\x2e", twentieth = "\x66\x2a";  // float16
  const auto v = found(tenth), base = found(twentieth), given = found(tenth, "epsilon");
  CHECK(v.prediction == Prediction::v);
  CHECK(v.width == 768);
  REQUIRE(v.notes.size() == 1);
  CHECK(has(v.notes[0], {"guess", "norm1.bias is 0.100", "--prediction epsilon"}));
  CHECK(base.prediction == Prediction::epsilon);
  CHECK(base.width == 512);
  REQUIRE(base.notes.size() == 1);
  CHECK(has(base.notes[0], {"guess", "norm1.bias is 0.050", "--prediction v"}));
  CHECK(given.prediction == Prediction::epsilon);
  CHECK(given.notes.empty());
  CHECK(given.width == 512);
}

TEST_CASE("SD2's inpainting models predict epsilon") {
  const auto info = found_in(sd2_shapes(9));
  CHECK(info.prediction == Prediction::epsilon);
  CHECK(has(info.notes.at(0), {"guess", "mask"}));
}
