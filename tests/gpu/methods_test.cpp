// Perturbed, smoothed and normalised guidance and prompt-to-prompt on this device, one whole run of each: Diffusers'
// latents, as tests/pipeline/methods_golden_test.cpp has them on a CPU in every form.
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

struct Method {
  std::string family, golden, name;
  double guidance;
  std::vector<Control> controls;
  size_t images = 1;
};

/** Ten steps: prompt-to-prompt's windows are the first eight and the first four. */
std::vector<Method> methods() {
  Control blur{.effect = GuideBy{GuideBy::Perturb::blur, 3, 1.0}};
  Control edit{.effect = PromptToPrompt{.prompt = "a huge blue dog in a park at night",
                                        .method = PromptToPrompt::Method::replace,
                                        .cross = {{0, 1}, {0.8, 1}, {0.8, 0}},
                                        .self = {{0, 1}, {0.4, 1}, {0.4, 0}}}};
  return {{"sdxl", "pag", "sdxl/mid", 5, {guide_by(GuideBy::Perturb::identity).at("mid_block")}},
          {"sdxl", "seg", "sdxl/blocks_1", 5, {blur.at("down_blocks.1, up_blocks.1")}},
          {"sdxl", "nag", "sdxl/default", 1, {normalized_guidance("blue, blurry")}},
          {"sd1", "p2p", "replace", 5, {edit}, 2}};
}

std::vector<float> whole_run(const Pipeline& pipeline, const Method& method, std::vector<Control> controls) {
  auto recipe = golden_recipe(method.family);
  recipe.width = 192, recipe.height = 128, recipe.steps = 10, recipe.guidance = method.guidance;
  recipe.seeds.assign(method.images, 3);
  recipe.controls = std::move(controls);
  std::vector<float> all;
  for (const auto& image : pipeline.generate({recipe, {}, false}).latents)
    all.insert(all.end(), image.begin(), image.end());
  return all;
}

}  // namespace

TEST_CASE(
    "whole runs of each method equal Diffusers' within 1e-3 in float32, and are nearer than plain ones in 16 bits") {
  for (const auto type : {ComputeType::float32, ComputeType::float16})
    for (const auto& method : methods()) {
      CAPTURE(method.name);
      const auto pipeline = Pipeline::load({.model = tiny_folder(method.family)}, {.dtype = type});
      const auto golden = numbers(Golden(method.golden), method.name + "/latents/9");
      const double error = relative_error(whole_run(pipeline, method, method.controls), golden);
      MESSAGE(method.name, ": ", error);
      if (type == ComputeType::float32) CHECK(error <= 1e-3);
      CHECK(error <= relative_error(whole_run(pipeline, method, {}), golden) / 3);
    }
}
