// Pictures of other programs that several samplers drew: second passes, refiners, SamplerCustom's nodes.
#include <doctest/doctest.h>

#include "foreign.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE("A1111's refiner is the recipe's, whose file is to be given") {
  const auto with = [](const std::string& more) {
    return infotext(
        "a cat\nSteps: 25, Sampler: Euler, Schedule type: Karras, CFG scale: 7, Seed: 1, Size: 1024x1024, " + more);
  };
  const auto read = with("Refiner: sd_xl_refiner_1.0 [7440042bbd], Refiner switch at: 0.8, Version: v1.9.4");
  CHECK(read.recipe.refiner == Refiner{"", 0.8});
  CHECK(noted(read, "its refiner sd_xl_refiner_1.0 [7440042bbd] begins at 0.8"));
  CHECK_FALSE(noted(read, "not carried over"));
  CHECK_FALSE(noted(read, "counts steps"));
  CHECK(noted(with("Refiner: x, Refiner switch at: 0.8, Version: v1.6.0"), "counts steps"));
  const auto odd = with("Refiner: x, Refiner switch at: 8, Version: v1.9.4");
  CHECK_FALSE(odd.recipe.refiner);
  CHECK(noted(odd, "not carried over: Refiner x, Refiner switch at 8"));
}

namespace {

/** Two samplers, the second with these inputs beside what both have; nodes that stand between and elsewhere. */
std::string two_samplers(const std::string& first, const std::string& second, const std::string& nodes) {
  const std::string common =
      R"("noise_seed": 5, "seed": 5, "steps": 20, "cfg": 6, "sampler_name": "euler", "scheduler": "karras",)";
  return R"({"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
    "3": {"class_type": )" +
         second.substr(0, second.find(' ')) + R"(, "inputs": {)" + common + second.substr(second.find(' ')) + R"(}},
    "5": {"class_type": )" +
         first.substr(0, first.find(' ')) + R"(, "inputs": {)" + common +
         R"("latent_image": ["6", 0], "model": ["9", 0], "positive": ["8", 0], "negative": ["7", 0], )" +
         first.substr(first.find(' ')) + R"(}},
    "6": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 768, "batch_size": 1}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["9", 1]}},
    "8": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["9", 1]}},
    "9": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl.safetensors"}})" +
         nodes + "}";
}

}  // namespace

TEST_CASE("ComfyUI's second KSamplerAdvanced is a refiner where it goes on with the first one's steps") {
  const std::string first =
      R"("KSamplerAdvanced" "add_noise": "enable", "start_at_step": 0, "end_at_step": 16, "return_with_leftover_noise": "enable")";
  const std::string links =
      R"("latent_image": ["5", 0], "model": ["12", 0], "positive": ["13", 0], "negative": ["14", 0])";
  const std::string nodes =
      R"(, "12": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "refiner.safetensors"}},
    "13": {"class_type": "CLIPTextEncodeSDXLRefiner", "inputs": {"ascore": 7, "width": 1024, "height": 1024, "text": "a cat", "clip": ["12", 1]}},
    "14": {"class_type": "CLIPTextEncodeSDXLRefiner", "inputs": {"ascore": 2.5, "text": "fog", "clip": ["12", 1]}})";
  const auto second = [&](const std::string& from) {
    return R"("KSamplerAdvanced" "add_noise": "disable", "end_at_step": 10000, "start_at_step": )" + from + ", " +
           links;
  };
  const auto read = graph(two_samplers(first, second("16"), nodes));
  CHECK(read.recipe.refiner == Refiner{"", 0.8});
  CHECK(read.recipe.steps == 20);
  CHECK(read.recipe.aesthetic_score == 7);
  CHECK(read.recipe.negative_aesthetic_score == 2.5);
  CHECK(noted(read, "goes on with the model refiner.safetensors at step 16"));
  CHECK_FALSE(noted(read, "not carried over"));
  CHECK_FALSE(read.recipe.init);
  const auto gap = graph(two_samplers(first, second("12"), nodes));
  CHECK_FALSE(gap.recipe.refiner);
  CHECK(noted(gap, "a further pass, node 3 (KSamplerAdvanced): 20 steps, from step 12"));
}

TEST_CASE("ComfyUI's second KSampler over an enlarged latent or picture is a second pass") {
  const std::string links =
      R"("denoise": 0.5, "model": ["9", 0], "positive": ["8", 0], "negative": ["7", 0], "latent_image": )";
  const auto second = [&](const std::string& latent, const std::string& more = "") {
    return R"("KSampler" )" + links + latent + more;
  };
  const std::string first = R"("KSampler" "denoise": 1)";
  const auto by_latent = graph(two_samplers(
      first, second(R"(["10", 0])"),
      R"(, "10": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["5", 0], "upscale_method": "bicubic", "scale_by": 1.5}})"));
  REQUIRE(by_latent.recipe.second_pass);
  CHECK(*by_latent.recipe.second_pass == SecondPass{.scale = 1.5,
                                                    .upscale = Upscale::latent_bicubic,
                                                    .strength = 0.5,
                                                    .steps = 20,
                                                    .sampler = SamplerKind::euler,
                                                    .schedule = ScheduleKind::karras,
                                                    .guidance = 6.0});
  CHECK_FALSE(noted(by_latent, "not carried over"));
  const std::string pictures =
      R"(, "10": {"class_type": "VAEEncode", "inputs": {"pixels": ["11", 0]}}, "12": {"class_type": "VAEDecode", "inputs": {"samples": ["5", 0]}},
    "11": {"class_type": "ImageScale", "inputs": {"image": ["12", 0], "width": 1024, "height": 1536, "crop": "center", "upscale_method": )";
  const auto by_picture = graph(two_samplers(first, second(R"(["10", 0])"), pictures + R"("lanczos"}})"));
  REQUIRE(by_picture.recipe.second_pass);
  CHECK(by_picture.recipe.second_pass->width == 1024);
  CHECK(by_picture.recipe.second_pass->upscale == Upscale::lanczos);
  for (const auto& [method, here] :
       {std::pair{"nearest-exact", Upscale::nearest}, std::pair{"bilinear", Upscale::bilinear}}) {
    const auto read = graph(two_samplers(first, second(R"(["10", 0])"), pictures + '"' + method + R"("}})"));
    REQUIRE(read.recipe.second_pass);
    CHECK(read.recipe.second_pass->upscale == here);
  }
  for (const char* method : {"area", "bicubic"}) {
    const auto other = graph(two_samplers(first, second(R"(["10", 0])"), pictures + '"' + method + R"("}})"));
    CHECK_FALSE(other.recipe.second_pass);
    CHECK(noted(other, "node 11 (ImageScale)"));
  }
  auto smaller = pictures;
  smaller.replace(smaller.find("1024"), 4, "256").replace(smaller.find("1536"), 4, "384");
  CHECK_FALSE(graph(two_samplers(first, second(R"(["10", 0])"), smaller + R"("bilinear"}})")).recipe.second_pass);
  CHECK(graph(two_samplers(first, second(R"(["10", 0])"), smaller + R"("nearest-exact"}})")).recipe.second_pass);
  const auto other_text = graph(two_samplers(
      first,
      R"("KSampler" "denoise": 0.5, "model": ["9", 0], "positive": ["7", 0], "negative": ["7", 0], "latent_image": ["10", 0])",
      R"(, "10": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["5", 0], "upscale_method": "bicubic", "scale_by": 1.5}})"));
  CHECK_FALSE(other_text.recipe.second_pass);
  auto text = two_samplers(
      first, second(R"(["10", 0])"),
      R"(, "10": {"class_type": "LatentUpscaleBy", "inputs": {"samples": ["5", 0], "upscale_method": "bilinear", "scale_by": 1.5}})");
  const std::string seed = "\"seed\": ";
  text.replace(text.find(" " + seed) + 1, seed.size() + 1, seed + "9");  // the second sampler stands first
  const auto seeded = graph(text);
  CHECK(seeded.recipe.second_pass.has_value());
  CHECK(noted(seeded, "the second pass's seed 9"));
}

TEST_CASE("ComfyUI's SamplerCustom is read with its sampler's and its sigmas' nodes") {
  const auto custom = [](const std::string& sigmas,
                         const std::string& sampler =
                             R"("class_type": "KSamplerSelect", "inputs": {"sampler_name": "dpmpp_2m"})") {
    return graph(
        R"({"1": {"class_type": "SaveImage", "inputs": {"images": ["2", 0]}}, "2": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0]}},
      "3": {"class_type": "SamplerCustomAdvanced", "inputs": {"noise": ["4", 0], "guider": ["5", 0], "sampler": ["10", 0], "sigmas": ["11", 0], "latent_image": ["6", 0]}},
      "4": {"class_type": "RandomNoise", "inputs": {"noise_seed": 42}},
      "5": {"class_type": "CFGGuider", "inputs": {"cfg": 4.5, "model": ["9", 0], "positive": ["8", 0], "negative": ["7", 0]}},
      "6": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": 512, "batch_size": 1}},
      "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "fog", "clip": ["9", 1]}},
      "8": {"class_type": "CLIPTextEncode", "inputs": {"text": "a cat", "clip": ["9", 1]}},
      "9": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sdxl.safetensors"}},
      "10": {)" +
        sampler + R"(}, "11": {)" + sigmas + "}}");
  };
  const auto basic = custom(
      R"("class_type": "BasicScheduler", "inputs": {"scheduler": "karras", "steps": 24, "denoise": 1, "model": ["9", 0]})");
  CHECK(basic.recipe.steps == 24);
  CHECK(basic.recipe.schedule == ScheduleKind::karras);
  CHECK(basic.recipe.sampler == SamplerKind::dpmpp_2m);
  CHECK(basic.recipe.guidance == 4.5);
  CHECK(basic.recipe.seeds == std::vector<uint64_t>{42});
  CHECK(basic.recipe.prompt == "a cat");
  CHECK(basic.recipe.negative_prompt == "fog");
  CHECK_FALSE(noted(basic, "not carried over"));
  const auto turbo =
      custom(R"("class_type": "SDTurboScheduler", "inputs": {"steps": 2, "denoise": 1, "model": ["9", 0]})",
             R"("class_type": "SamplerEulerAncestral", "inputs": {"eta": 0.5, "s_noise": 1.1})");
  CHECK(turbo.recipe.timesteps == std::vector<double>{999, 899});
  CHECK(turbo.recipe.steps == 2);
  CHECK(turbo.recipe.sampler == SamplerKind::euler_a);
  CHECK(turbo.recipe.eta == 0.5);
  CHECK(noted(turbo, "s_noise 1.1"));
  const auto levels =
      custom(R"("class_type": "KarrasScheduler", "inputs": {"steps": 3, "sigma_max": 8, "sigma_min": 0.5, "rho": 1})");
  CHECK(levels.recipe.sigmas == std::vector<double>{8, 4.25, 0.5});
  const auto unknown = custom(R"("class_type": "LTXVScheduler", "inputs": {"steps": 3})");
  CHECK(unknown.recipe.steps == 3);
  CHECK(noted(unknown, "node 11 (LTXVScheduler)"));
  const auto none = custom(
      R"("class_type": "KarrasScheduler", "inputs": {"steps": 3000000, "sigma_max": 8, "sigma_min": -1, "rho": 1})");
  CHECK(none.recipe.sigmas.empty());
  CHECK(noted(none, "node 11 (KarrasScheduler)"));
}
