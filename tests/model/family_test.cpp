#include "model/family.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fstream>

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

TEST_CASE("eight input channels are instruct-pix2pix; other numbers are refused") {
  const auto info = found_in(sd1_shapes(8));
  CHECK(info.pix2pix);
  CHECK_FALSE(info.inpaint);
  CHECK(info.family == Family::sd1);
  CHECK(has(refused(sd1_shapes(7)), {"unsupported_model", "7 channels", "with a picture to edit: 8"}));
}

TEST_CASE("SDXL's refiner has one text encoder, which is SDXL's second, and layers of its own") {
  const auto info = found_in(refiner_shapes());
  CHECK(info.family == Family::sdxl_refiner);
  CHECK(info.context_width == 1280);
  CHECK(info.width == 1024);
  CHECK(info.blocks.size() == 9);
  CHECK(std::count_if(info.sites.begin(), info.sites.end(), [](const auto& site) { return site.cross; }) ==
        4 * (2 * 2 + 1 + 2 * 3));
  CHECK(std::any_of(info.components.begin(), info.components.end(),
                    [](const auto& part) { return part.name == "text_encoder_2"; }));
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
  CHECK(has(one("model.diffusion_model.cap_embedder.1.weight"), {"Lumina"}));
  CHECK(has(one("adaln_single.linear.weight"), {"PixArt"}));
  CHECK(has(one("lora_unet_input_blocks_4_1_proj_in.lora_down.weight"), {"--lora FILE"}));
  CHECK(has(refused(sdxl_shapes() + Shapes{{"encoder_hid_proj.weight", {2048, 4096}}}), {"Kolors", "ChatGLM3"}));
}

namespace {

/** Little-endian float16. */
std::string half(uint16_t bits) {
  return {static_cast<char>(bits & 255), static_cast<char>(bits >> 8)};
}

/** What is found in a file of SDXL with these tensors and the bytes of each. */
ModelInfo marked(const std::map<std::string, std::string>& markers, ModelSource source = {}) {
  const Folder folder;
  source.model = (folder / "model.safetensors").string();
  auto shapes = sdxl_shapes();
  for (const auto& [name, bytes] : markers) shapes[name] = {static_cast<int64_t>(bytes.size() / 2)};
  write_header_only(source.model, shapes);
  for (const auto& [name, bytes] : markers) fill(fs::path(source.model), name, bytes);
  return inspect_model(source);
}

const std::string kFour = half(0x4400), kEighty = half(0x5500), kThousandth = half(0x1419);  // 4, 80, 0.001
const std::string kMeans = half(0xbea1) + kFour + kFour + kFour, kDeviations = kFour + kFour + kFour + kFour;

}  // namespace

TEST_CASE("markers of EDM's training are read: CosXL's range, Playground's latents") {
  const auto cosxl = marked({{"edm_vpred.sigma_max", kEighty}, {"edm_vpred.sigma_min", kThousandth}});
  CHECK(cosxl.edm);
  CHECK(cosxl.known_as == "CosXL");
  CHECK(cosxl.prediction == Prediction::v);
  CHECK(cosxl.sigma_max == 80);
  CHECK(cosxl.sigma_min == doctest::Approx(0.001).epsilon(0.01));
  CHECK(cosxl.sampler == SamplerKind::euler);
  const auto playground = marked({{"edm_mean", kMeans}, {"edm_std", kDeviations}});
  CHECK(playground.known_as == "Playground v2.5");
  CHECK(playground.prediction == Prediction::epsilon);
  CHECK(playground.sigma_max == 80);
  CHECK(playground.sampler == SamplerKind::dpmpp_2m);
  CHECK(has(to_text(playground), {"Playground v2.5", "EDM's sigmas 80 to 0.002"}));
}

TEST_CASE("markers of EDM's training that are damaged are refused by name") {
  const auto wrong = [](const std::map<std::string, std::string>& markers, ModelSource source = {}) {
    return refusal([&] { marked(markers, source); });
  };
  CHECK(has(wrong({{"edm_vpred.sigma_max", half(0)}}), {"bad_file", "edm_vpred.sigma_max"}));
  CHECK(has(wrong({{"edm_vpred.sigma_max", half(0x7c00)}}), {"bad_file", "edm_vpred.sigma_max"}));
  CHECK(has(wrong({{"edm_vpred.sigma_max", kFour + kFour}}), {"bad_file", "edm_vpred.sigma_max"}));
  CHECK(has(wrong({{"edm_vpred.sigma_max", kFour}, {"edm_vpred.sigma_min", kEighty}}), {"bad_file", "sigma_min"}));
  CHECK(has(wrong({{"edm_mean", kMeans}}), {"bad_file", "edm_std"}));
  CHECK(has(wrong({{"edm_mean", kMeans}, {"edm_std", kFour}}), {"bad_file", "edm_std"}));
  CHECK(has(wrong({{"edm_mean", kMeans}, {"edm_std", kDeviations.substr(2) + half(0)}}), {"bad_file", "edm_std"}));
  CHECK(has(wrong({{"edm_mean", kFour}, {"edm_std", kFour}}), {"bad_file", "edm_mean", "4"}));
  CHECK(has(wrong({{"edm_vpred.sigma_max", kFour}}, {.prediction = "sample"}), {"unsupported_model", "sample", "EDM"}));
}

TEST_CASE("scales beside weights in 8-bit floats are read; other quantised formats are refused by name") {
  const std::string layer = "model.diffusion_model.middle_block.1.proj_in.", e4 = "F8_E4M3";
  const auto found = [&](const Shapes& more, const std::map<std::string, std::string>& bytes,
                         const std::map<std::string, std::string>& types) {
    const Folder folder;
    const auto file = (folder / "model.safetensors").string();
    auto shapes = sdxl_shapes();
    for (const auto& [name, shape] : more) shapes[name] = shape;
    write_header_only(file, shapes, {}, types);
    for (const auto& [name, numbers] : bytes) fill(fs::path(file), name, numbers);
    return refusal([&] { inspect_model({.model = file}); });
  };
  for (const std::string scale : {"scale_weight", "weight_scale"}) {
    CHECK(found({{layer + scale, {}}, {"scaled_fp8", {0}}}, {{layer + scale, kFour}}, {{layer + "weight", e4}}) == "");
    CHECK(has(found({{layer + scale, {}}}, {{layer + scale, half(0)}}, {{layer + "weight", e4}}),
              {"bad_file", scale.c_str()}));
    CHECK(has(found({{layer + scale, {1280}}}, {}, {{layer + "weight", e4}}), {"unsupported_model", "several scales"}));
    CHECK(has(found({{layer + "x." + scale, {}}}, {{layer + "x." + scale, kFour}}, {}), {"bad_file", "not there"}));
  }
  const auto format = [&](const std::string& json) {
    return found({{layer + "comfy_quant", {static_cast<int64_t>(json.size())}}}, {{layer + "comfy_quant", json}},
                 {{layer + "comfy_quant", "U8"}});
  };
  CHECK(format(R"({"format": "float8_e4m3fn"})") == "");
  CHECK(has(format(R"({"format": "nvfp4"})"), {"unsupported_model", "nvfp4", "comfy_quant", "F16 version"}));
  CHECK(has(format("{"), {"bad_file", "comfy_quant"}));
  CHECK(has(format("[]"), {"unsupported_model", "comfy_quant"}));
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
  CHECK(found_in(sdxl_shapes(), {}, {{"modelspec.predict_key", "v"}}).prediction == Prediction::v);
  const auto strange = found_in(sdxl_shapes(), {}, {{"modelspec.prediction_type", "flow"}});
  CHECK(strange.prediction == Prediction::epsilon);
  CHECK(has(strange.notes.at(0), {"modelspec.prediction_type", "flow"}));
  CHECK_FALSE(found_in(sdxl_shapes() + v_marker).zero_snr);
  CHECK(found_in(sdxl_shapes() + v_marker + zero_marker).zero_snr);
}

TEST_CASE("a file's markers are truer than the scheduler of the folder whose configs it is given") {
  const Folder folder;
  std::filesystem::create_directories(folder / "configs/scheduler");
  std::ofstream(folder / "configs/scheduler/scheduler_config.json")
      << R"({"_class_name": "EulerDiscreteScheduler", "beta_start": 0.00085, "beta_end": 0.012,
             "beta_schedule": "scaled_linear", "prediction_type": "epsilon", "timestep_spacing": "leading"})";
  const ModelSource given{.config = (folder / "configs").string()};
  CHECK_FALSE(found_in(sdxl_shapes(), given).zero_snr);
  const auto marked = found_in(sdxl_shapes() + Shapes{{"v_pred", {}}, {"ztsnr", {}}}, given);
  CHECK(marked.prediction == Prediction::v);
  CHECK(marked.zero_snr);
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
