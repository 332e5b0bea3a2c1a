// What other programs write into pictures, as they write it, becomes a recipe; what it cannot say is named.
#include "foreign.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "corepulse/error.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

std::string refused(const ImageText& text) {
  try {
    recipe_of_picture(text);
  } catch (const Error& error) {
    return std::string(name(error.code())) + " " + error.what();
  }
  return "";
}

/** ComfyUI's default workflow, with some nodes of one's own in front. */
std::string comfy(const std::string& nodes, const std::string& model = "4", const std::string& clip = "4",
                  const std::string& positive = "6", const std::string& latent = "5") {
  return fmt::format(R"({{{}
"3": {{"inputs": {{"seed": 156680208700286, "steps": 20, "cfg": 8.0, "sampler_name": "dpmpp_2m", "scheduler": "karras", "denoise": 1.0,
   "model": ["{}", 0], "positive": ["{}", 0], "negative": ["7", 0], "latent_image": ["{}", 0]}}, "class_type": "KSampler", "_meta": {{"title": "KSampler"}}}},
"4": {{"inputs": {{"ckpt_name": "v1-5-pruned-emaonly.ckpt"}}, "class_type": "CheckpointLoaderSimple"}},
"5": {{"inputs": {{"width": 512, "height": 768, "batch_size": 1}}, "class_type": "EmptyLatentImage"}},
"6": {{"inputs": {{"text": "beautiful scenery, (glass bottle:1.2), {{red|blue}}", "clip": ["{}", 1]}}, "class_type": "CLIPTextEncode"}},
"7": {{"inputs": {{"text": "text, watermark", "clip": ["{}", 1]}}, "class_type": "CLIPTextEncode"}},
"8": {{"inputs": {{"samples": ["3", 0], "vae": ["4", 2]}}, "class_type": "VAEDecode", "is_changed": [NaN]}},
"9": {{"inputs": {{"filename_prefix": "ComfyUI", "images": ["8", 0]}}, "class_type": "SaveImage"}}}})",
                     nodes, model, positive, latent, clip, clip);
}

constexpr const char* kInvoke =
    R"({"generation_mode": "txt2img", "positive_prompt": "a (cat)++ in a hat", "negative_prompt": "blurry",
  "width": 512, "height": 640, "seed": 624077823, "rand_device": "cpu", "cfg_scale": 7.5, "cfg_rescale_multiplier": 0.7, "steps": 24,
  "scheduler": "dpmpp_2m_k", "seamless_x": false, "seamless_y": false, "clip_skip": 1,
  "model": {"key": "k", "hash": "blake3:1", "name": "dreamshaper", "base": "sd-1", "type": "main"},
  "loras": [{"model": {"name": "detail"}, "weight": 0.8}], "controlnets": [{"control_model": {"model_name": "canny"}}],
  "ipAdapters": [], "hrf_enabled": false, "app_version": "4.2.9"})";

}  // namespace

TEST_CASE("A1111's own example is read") {
  const auto read = infotext(
      "girl with an artist's beret, ((eyeshadow)), (coquettish), detailed\nsecond line\n"
      "Negative prompt: ugly, (((deformed))), [blurry],\nmutation\n"
      "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 965400086, Size: 512x512, Model hash: 45dee52b\n");
  CHECK(read.program == "A1111");
  const auto& recipe = read.recipe;
  CHECK(recipe.prompt == "girl with an artist's beret, ((eyeshadow)), (coquettish), detailed\nsecond line");
  CHECK(recipe.negative_prompt == "ugly, (((deformed))), [blurry],\nmutation");
  CHECK(recipe.syntax == PromptSyntax::a1111);
  CHECK(recipe.compat == Compat::a1111);
  CHECK(recipe.rng == NoiseKind::cuda);
  CHECK(recipe.sampler == SamplerKind::euler_a);
  CHECK(recipe.schedule == ScheduleKind::linspace);
  CHECK(recipe.steps == 20);
  CHECK(recipe.guidance == 7);
  CHECK(recipe.seeds == std::vector<uint64_t>{965400086});
  CHECK(recipe.width == 512);
  CHECK(recipe.height == 512);
  CHECK(recipe.model == "");
  CHECK(read.notes ==
        std::vector<std::string>{"it was drawn with another model: the model of hash 45dee52b; give it (-m FILE)"});
}

TEST_CASE("A1111's samplers, schedules, noise and clip skip have our names") {
  const auto with = [](const std::string& settings) {
    return infotext("a cat\nSteps: 20, CFG scale: 7, Seed: 1, Size: 512x512, " + settings);
  };
  const auto now = with("Sampler: DPM++ 2M, Schedule type: Karras, Clip skip: 2, RNG: CPU, Version: v1.10.1");
  CHECK(now.recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(now.recipe.schedule == ScheduleKind::karras);
  CHECK(now.recipe.clip_skip == 1);
  CHECK(now.recipe.rng == NoiseKind::cpu);
  CHECK(noted(now, "SDXL"));
  CHECK(with("Sampler: DPM++ 2M Karras, RNG: NV").recipe.schedule == ScheduleKind::karras);
  CHECK(with("Sampler: DPM++ 2M, Version: v1.6.0").recipe.schedule == ScheduleKind::linspace);
  CHECK(with("Sampler: PLMS, Version: v1.6.0").recipe.schedule == ScheduleKind::model);
  CHECK(with("Sampler: DPM++ 2M, Version: v1.9.4").recipe.schedule == ScheduleKind::model);
  CHECK(with("Sampler: DPM++ 2M, Schedule type: Automatic, Version: v1.9.4").recipe.schedule == ScheduleKind::model);
  CHECK(with("Sampler: DDIM").recipe.schedule == ScheduleKind::model);
  CHECK(with("Sampler: Euler, Schedule type: Align Your Steps").recipe.schedule == ScheduleKind::ays);
  CHECK(with("Sampler: Euler a, Eta: 0.5").recipe.eta == 0.5);
  const auto unknown = with("Sampler: DPM fast, Schedule type: KL Optimal, RNG: Moon, ENSD: 31337");
  CHECK(unknown.recipe.sampler == SamplerKind::model);
  CHECK(noted(unknown, "\"DPM fast\" is not here"));
  CHECK(noted(unknown, "\"KL Optimal\" is not here"));
  CHECK(noted(unknown, "not carried over: RNG Moon, ENSD 31337"));
  CHECK_FALSE(noted(with("Sampler: DPM++ SDE"), "another generator"));
  const auto forge = with(
      "Sampler: Euler, Schedule type: Simple, Distilled CFG Scale: 3.5, Version: f2.0.1v1.10.1-previous-669-gdfdcbab6");
  CHECK(forge.program == "Forge");
  CHECK(noted(forge, "Distilled CFG Scale 3.5"));
}

TEST_CASE("what A1111's line holds and a recipe cannot is named, and quotes keep commas in a value") {
  const auto read = infotext(
      "masterpiece, <lora:more_details:0.8>, 1girl, <3 , {a|b}\nNegative prompt: lowres\n"
      "Steps: 25, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 2147483648, Size: 832x1216, Model "
      "hash: 67ab2fd8ec, Model: pony-v6, VAE hash: 235745af8d, VAE: sdxl_vae.safetensors, Denoising strength: 0.4, "
      "Clip skip: 2, ADetailer model: face_yolov8n.pt, ADetailer prompt: \"a face, \\\"smiling\\\": wide\", "
      "Hires upscale: 1.5, Hires steps: 10, Hires upscaler: 4x-UltraSharp, Lora hashes: \"more_details: 3b8aa1d351ef, "
      "x: 1\", "
      "ControlNet 0: \"Module: canny, Model: control_v11p [d14c016b], Weight: 1\", Version: v1.9.3");
  CHECK(read.recipe.prompt == "masterpiece, , 1girl, <3 , \\{a|b}");
  CHECK(!read.recipe.init);  // the strength is the second pass's
  CHECK(read.recipe.height == 1216);
  CHECK(noted(read, "networks that are not in the recipe: more_details (0.8)"));
  CHECK(noted(read, "the model pony-v6, hash 67ab2fd8ec, VAE sdxl_vae.safetensors"));
  for (const char* left : {"Denoising strength 0.4", "Hires steps 10", "ADetailer prompt a face, \"smiling\": wide",
                           "ControlNet 0 Module: canny, Model:"})
    CHECK(noted(read, left));
  CHECK(!noted(read, "Lora hashes"));
}

TEST_CASE("A1111's Hires. fix is a second pass where it does the same, and named where not") {
  const auto with = [](const std::string& hires, const std::string& prompt = "a cat") {
    return infotext(prompt +
                    "\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 7, Seed: 1, Size: 512x768, " +
                    "Denoising strength: 0.4, " + hires + ", Version: v1.9.4");
  };
  const auto latent = with("Hires upscale: 1.5, Hires steps: 10, Hires upscaler: Latent");
  REQUIRE(latent.recipe.second_pass);
  CHECK(*latent.recipe.second_pass ==
        SecondPass{.width = 768, .height = 1152, .upscale = Upscale::latent_bilinear, .strength = 0.4, .steps = 10});
  CHECK(!latent.recipe.init);
  CHECK(!noted(latent, "not carried over"));
  const auto more = with(
      "Hires resize: 0x1536, Hires upscaler: None, Hires sampler: DPM++ 2M, Hires schedule type: Karras, Hires CFG "
      "Scale: 3.5, Hires Module 1: Use same choices");
  REQUIRE(more.recipe.second_pass);
  CHECK(more.recipe.second_pass->width == 1024);
  CHECK(more.recipe.second_pass->upscale == Upscale::lanczos);
  CHECK(with("Hires upscale: 2, Hires upscaler: Nearest").recipe.second_pass->upscale == Upscale::nearest);
  CHECK(more.recipe.second_pass->sampler == SamplerKind::dpmpp_2m);
  CHECK(more.recipe.second_pass->schedule == ScheduleKind::karras);
  CHECK(more.recipe.second_pass->guidance == 3.5);
  CHECK(with("Hires upscale: 1.1, Hires upscaler: Latent (nearest)").recipe.second_pass->width == 560);  // of 563
  for (const char* other :
       {"Hires upscale: 2, Hires upscaler: 4x-UltraSharp", "Hires upscale: 1.1, Hires upscaler: Lanczos",
        "Hires upscale: 1.1, Hires upscaler: Nearest", "Hires resize: 1024x1024, Hires upscaler: Latent",
        "Hires upscale: 2, Hires upscaler: Latent, Hires prompt: a dog",
        "Hires upscale: 2, Hires upscaler: Latent, Hires checkpoint: other",
        "Hires upscale: 99, Hires upscaler: Latent", "Hires upscale: nan, Hires upscaler: Latent",
        "Hires resize: 0x0, Hires upscaler: Latent", "Hires steps: 10",
        "Hires resize: 99999999999x8, Hires upscaler: Latent",
        "Hires upscale: 2, Hires upscaler: Latent, Hires steps: 1.5"}) {
    CAPTURE(std::string(other));
    const auto left = with(other);
    CHECK(!left.recipe.second_pass);
    CHECK(noted(left, "Denoising strength 0.4"));
    CHECK(noted(left, "not carried over"));
  }
}

TEST_CASE("LoRAs that a picture names are controls where their folder is known") {
  const std::string line = "\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512";
  const auto with = [&](const std::string& prompt) {
    return recipe_of_picture({{"parameters", prompt + line}}, "loras");
  };
  const auto read = with("a cat <lora:detail:0.8>, <lyco:style:0.5:0.25> <hypernet:old:1>");
  CHECK(read.recipe.prompt == "a cat ,  ");
  CHECK(read.recipe.loras == "loras");
  REQUIRE(read.recipe.controls.size() == 2);
  CHECK(read.recipe.controls[0] == lora("detail", 0.8));
  CHECK(std::get<Lora>(read.recipe.controls[1].effect) ==
        Lora{.file = "style", .strength = 0.25, .text_strength = 0.5});
  CHECK(noted(read, "networks that are not in the recipe: old (1)"));
  CHECK(noted(read, "its LoRA detail is control 0"));
  for (const char* name : {"../detail", "/etc/passwd", "a/../../b", "c:\\\\x"}) {
    CAPTURE(std::string(name));
    const auto hostile = with("a cat <lora:" + std::string(name) + ":1>");
    CHECK(hostile.recipe.controls.empty());
    CHECK(noted(hostile, "networks that are not in the recipe"));
  }
  CHECK(with("a cat <lora:detail:much>").recipe.controls.empty());
  CHECK(with("a cat <lora:detail:1e9>").recipe.controls.empty());
  CHECK(with("a cat\nNegative prompt: <lora:detail:1>").recipe.controls.empty());  // which A1111 does not heed
  CHECK(infotext("a cat <lora:detail:0.8>" + line).recipe.controls.empty());
}

TEST_CASE("ComfyUI's LoRA loaders are controls where their folder is known") {
  const std::string nodes =
      R"("10": {"inputs": {"lora_name": "styles\\detail.safetensors", "strength_model": 0.7, "strength_clip": 0.5, "model": ["11", 0], "clip": ["4", 1]}, "class_type": "LoraLoader"},
         "11": {"inputs": {"lora_name": "fast.safetensors", "strength_model": 1, "model": ["4", 0]}, "class_type": "LoraLoaderModelOnly"},
         "14": {"inputs": {"text": "a cat", "clip": ["10", 1]}, "class_type": "CLIPTextEncode"},)";
  const auto read = recipe_of_picture({{"prompt", comfy(nodes, "10", "4", "14")}}, "loras");
  REQUIRE(read.recipe.controls.size() == 2);
  CHECK(std::get<Lora>(read.recipe.controls[0].effect) == Lora{.file = "loras/styles/detail.safetensors",
                                                               .strength = 0.7,
                                                               .text_strength = 0.5,
                                                               .dora = DoraReading::comfy});
  CHECK(std::get<Lora>(read.recipe.controls[1].effect) ==
        Lora{.file = "fast.safetensors", .strength = 1, .text_strength = 0, .dora = DoraReading::comfy});
  CHECK(noted(read, "node 10 (LoraLoader) stands before one of the prompts alone"));
}

TEST_CASE("a picture that was drawn from another one keeps its strength") {
  const auto read = infotext(
      "a dog\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1, Size: 512x512, Denoising strength: 0.6, Mask blur: 4");
  REQUIRE(read.recipe.init);
  CHECK(read.recipe.init->strength == 0.6);
  CHECK(noted(read, "--init FILE"));
  CHECK(noted(read, "Mask blur 4"));
}

TEST_CASE("stable-diffusion.cpp's line is read with its own names") {
  const auto read = infotext(
      "A sunflower field\nNegative prompt: Blue sky\nSteps: 30, CFG scale: 5.000000, Guidance: 3.500000, Eta: "
      "0.000000, Seed: 1375127038, Size: 512x512, Model: v1-5-pruned-emaonly.safetensors, RNG: cuda, "
      "Sampler: dpm++2m karras, Version: stable-diffusion.cpp, SDCPP: {\"seed\": 1375127038, \"steps\": 30}");
  CHECK(read.program == "stable-diffusion.cpp");
  CHECK(read.recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(read.recipe.schedule == ScheduleKind::karras);
  CHECK(read.recipe.rng == NoiseKind::cuda);
  CHECK(!read.recipe.eta);
  CHECK(read.notes.size() == 1);
  const auto discrete =
      infotext("a\nSteps: 1, Seed: 1, Sampler: euler_a, Clip skip: -1, Version: stable-diffusion.cpp");
  CHECK(discrete.recipe.sampler == SamplerKind::euler_a);
  CHECK(discrete.recipe.schedule == ScheduleKind::linspace);
  CHECK(infotext("a\nSteps: 4, Seed: 1, Sampler: tcd, Eta: 0.3, Version: stable-diffusion.cpp").recipe.eta == 0.3);
  CHECK(noted(infotext("a\nSteps: 9, Seed: 1, Sampler: dpm2, Version: stable-diffusion.cpp"), "no level more"));
  CHECK(noted(infotext("a\nSteps: 1, Seed: 1, Sampler: dpm++2mv2 karras, Version: stable-diffusion.cpp"),
              "\"dpm++2mv2\" is not here"));
}

TEST_CASE("numbers that no recipe takes are named, not used") {
  const auto read = infotext(
      "a\nSteps: 99999999999999999999, Sampler: Euler, CFG scale: nan, Seed: -1, Size: -8x512, Denoising strength: 7, "
      "Clip skip: 1e9");
  CHECK(read.recipe.steps == Recipe{}.steps);
  CHECK(read.recipe.width == 0);
  CHECK(read.recipe.init->strength == InitPicture{}.strength);
  CHECK(noted(
      read,
      "not carried over: steps 99999999999999999999, guidance nan, seed -1, size -8x512, clip skip 1e9, strength 7"));
  CHECK(recipe_from_json(to_json(read.recipe)) == read.recipe);
}

TEST_CASE("ComfyUI's default workflow is read") {
  const auto read = graph(comfy(""));
  CHECK(read.program == "ComfyUI");
  const auto& recipe = read.recipe;
  CHECK(recipe.prompt == "beautiful scenery, (glass bottle:1.2), \\{red|blue}");
  CHECK(recipe.negative_prompt == "text, watermark");
  CHECK(recipe.syntax == PromptSyntax::comfy);
  CHECK(recipe.compat == Compat::comfy);
  CHECK(recipe.rng == NoiseKind::cpu);
  CHECK(recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(recipe.schedule == ScheduleKind::karras);
  CHECK(recipe.seeds == std::vector<uint64_t>{156680208700286});
  CHECK(recipe.guidance == 8);
  CHECK(recipe.width == 512);
  CHECK(recipe.height == 768);
  CHECK(read.notes == std::vector<std::string>{
                          "it was drawn with another model: the model v1-5-pruned-emaonly.ckpt; give it (-m FILE)"});
}

TEST_CASE("ComfyUI's graph is followed through LoRAs, reroutes, primitives and conditioning nodes") {
  const auto read = graph(comfy(
      R"("10": {"inputs": {"lora_name": "detail.safetensors", "strength_model": 0.7, "strength_clip": 1, "model": ["4", 0], "clip": ["11", 0]}, "class_type": "LoraLoader"},
         "11": {"inputs": {"stop_at_clip_layer": -2, "clip": ["4", 1]}, "class_type": "CLIPSetLastLayer"},
         "12": {"inputs": {"": ["10", 0]}, "class_type": "Reroute"},
         "13": {"inputs": {"conditioning": ["14", 0], "strength": 1.0, "control_net": ["99", 0]}, "class_type": "ControlNetApply"},
         "14": {"inputs": {"text": ["15", 0], "clip": ["10", 1]}, "class_type": "CLIPTextEncode"},
         "15": {"inputs": {"value": "a lighthouse"}, "class_type": "PrimitiveString"},)",
      "12", "10", "13"));
  CHECK(read.recipe.prompt == "a lighthouse");
  CHECK(read.recipe.clip_skip == 1);
  CHECK(noted(read, "networks that are not in the recipe: detail.safetensors (0.7)"));
  CHECK(noted(read, "not carried over: node 13 (ControlNetApply)"));
}

TEST_CASE("ComfyUI's further passes are named, and the first one is read") {
  const auto read = graph(
      R"({"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
      "3": {"class_type": "KSampler", "inputs": {"seed": 5, "steps": 14, "denoise": 0.5, "latent_image": ["4", 0], "model": ["9", 0], "positive": ["8", 0], "negative": ["8", 0]}},
      "4": {"class_type": "LatentUpscale", "inputs": {"samples": ["5", 0], "width": 1024}},
      "5": {"class_type": "KSamplerAdvanced", "inputs": {"add_noise": "enable", "noise_seed": ["7", 0], "steps": 12, "cfg": 6, "sampler_name": "euler_ancestral", "scheduler": "normal",
        "start_at_step": 0, "end_at_step": 10000, "latent_image": ["6", 0], "model": ["9", 0], "positive": ["8", 0], "negative": ["8", 0]}},
      "6": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 4}},
      "7": {"class_type": "PrimitiveInt", "inputs": {"value": 77}},
      "8": {"class_type": "CLIPTextEncodeSDXL", "inputs": {"text_g": "a cat", "text_l": "a dog", "width": 4096, "height": 512}},
      "9": {"class_type": "UNETLoader", "inputs": {"unet_name": "sdxl.safetensors"}}})");
  CHECK(read.recipe.seeds == std::vector<uint64_t>{77});
  CHECK(read.recipe.steps == 12);
  CHECK(read.recipe.sampler == SamplerKind::euler_a);
  CHECK(read.recipe.width == 512);
  CHECK(read.recipe.prompt == "a dog");
  CHECK(read.recipe.prompt_2 == "a cat");
  CHECK(!read.recipe.init);
  for (const char* words : {"a further pass, node 3 (KSampler): 14 steps, denoise 0.5", "node 4 (LatentUpscale)",
                            "batch of 4", "width of node 8 (CLIPTextEncodeSDXL) 4096", "another generator"})
    CHECK(noted(read, words));
}

TEST_CASE("a part of a schedule is all of its steps, for every part; an empty second text stays one") {
  for (int steps = 1; steps <= 40; ++steps)
    for (int from = 0; from < steps; ++from) {
      const auto read = graph(fmt::format(
          R"({{"1": {{"class_type": "SaveImage", "inputs": {{"images": ["5", 0]}}}},
          "5": {{"class_type": "KSamplerAdvanced", "inputs": {{"noise_seed": 1, "steps": {}, "cfg": 6, "sampler_name": "euler", "scheduler": "normal",
            "start_at_step": {}, "end_at_step": 10000, "latent_image": ["6", 0], "positive": ["8", 0], "negative": ["8", 0]}}}},
          "6": {{"class_type": "VAEEncode", "inputs": {{"pixels": ["7", 0]}}}}, "7": {{"class_type": "LoadImage", "inputs": {{"image": "cat.png"}}}},
          "8": {{"class_type": "CLIPTextEncodeSDXL", "inputs": {{"text_g": "", "text_l": "a cat"}}}}}})",
          steps, from));
      CHECK(read.recipe.prompt == "a cat");
      CHECK(read.recipe.prompt_2 == " ");
      CHECK(read.recipe.steps == steps - from);
      CHECK(static_cast<int>(read.recipe.steps / read.recipe.init->strength) == steps);
    }
}

TEST_CASE("a picture that ComfyUI drew from another one keeps its denoise") {
  const auto nodes =
      R"("20": {"class_type": "VAEEncode", "inputs": {"pixels": ["21", 0]}}, "21": {"class_type": "LoadImage", "inputs": {"image": "cat.png"}},)";
  const auto read = graph(comfy(nodes, "4", "4", "6", "20"));
  REQUIRE(read.recipe.init);
  CHECK(read.recipe.init->strength == 1);
  CHECK(read.recipe.init->file == "");
  CHECK(noted(read, "the picture cat.png"));
}

TEST_CASE("graphs that cannot be followed are refused") {
  const auto refusal = [](const std::string& text) { return refused({{"prompt", text}}); };
  const std::string circle =
      R"("10": {"class_type": "Reroute", "inputs": {"a": ["11", 0]}}, "11": {"class_type": "Reroute", "inputs": {"a": ["10", 0]}},)";
  for (const auto& text : {comfy(circle, "10"), comfy(circle, "4", "10"), comfy(circle, "4", "4", "10"),
                           comfy(circle, "4", "4", "6", "10")})
    CHECK(refusal(text).find("round in a circle") != std::string::npos);
  CHECK(refusal(comfy("", "77")).find("reads node 77, which is not there") != std::string::npos);
  CHECK(refusal("{}").find("no graph of ComfyUI") != std::string::npos);
  CHECK(refusal("a cat").find("bad_file") != std::string::npos);
  CHECK(refusal(std::string(100, '[')).find("deeper") != std::string::npos);
  CHECK(
      refusal(
          R"({"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": "Sampler", "inputs": {}}})")
          .find("SamplerCustom") != std::string::npos);
  // Another program's line stands beside the graph: it is read instead.
  const auto read = recipe_of_picture({{"prompt", "{}"}, {"parameters", "a\nSteps: 3, Seed: 1, Sampler: Euler"}});
  CHECK(read.recipe.steps == 3);
  CHECK(noted(read, "could not be followed"));
}

TEST_CASE("InvokeAI's metadata is read") {
  const auto read = invoke(kInvoke);
  const auto& recipe = read.recipe;
  CHECK(recipe.prompt == "a (cat)++ in a hat");
  CHECK(recipe.syntax == PromptSyntax::compel);
  CHECK(recipe.compat == Compat::diffusers);
  CHECK(recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(recipe.schedule == ScheduleKind::karras);
  CHECK(recipe.guidance_rescale == 0.7);
  CHECK(recipe.clip_skip == 1);
  CHECK(recipe.height == 640);
  CHECK(noted(read, "the model dreamshaper"));
  CHECK(noted(read, "detail (0.8)"));
  CHECK(noted(read, "not carried over: controlnets"));
  CHECK(read.notes.size() == 3);
  const auto older = invoke(
      R"({"positive_prompt": "a", "seed": 1, "steps": 5, "scheduler": "k_lms", "strength": 0.5, "model": {"model_name": "m"}, "init_image": "x.png"})");
  CHECK(older.recipe.init->strength == 0.5);
  CHECK(older.recipe.sampler == SamplerKind::lms);
  CHECK(noted(older, "init_image x.png"));
  const auto both = invoke(
      R"({"positive_prompt": "a", "negative_prompt": "b", "positive_style_prompt": "a", "negative_style_prompt": "c"})");
  CHECK(both.recipe.prompt_2.empty());
  CHECK(both.recipe.negative_prompt_2 == "c");
}

TEST_CASE("a picture without a recipe, or with a program's that is not known, says so") {
  CHECK(refused({}).find("holds no recipe of corepulse") != std::string::npos);
  CHECK(refused({{"parameters", "a cat"}}).find("do not end in a line") != std::string::npos);
  CHECK(refused({{"parameters", R"({"sui_image_params": {"prompt": "a cat"}})"}}).find("SwarmUI") != std::string::npos);
  CHECK(refused({{"invokeai_metadata", "{}"}}).find("positive_prompt") != std::string::npos);
  CHECK(refused({{"parameters", "\xff"}}).find("UTF-8") != std::string::npos);
  Recipe own;
  own.prompt = "a cat";
  CHECK(recipe_of_picture({{"corepulse", to_json(own)}, {"parameters", "x"}}).recipe == own);
}
