// A whole run makes the picture that Diffusers makes from the same weights, prompt and seed.
#include <algorithm>
#include <cstdlib>
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE(
    "20 steps with guidance end in Diffusers' latents within 1e-3, for every family, from the prompt and the seed") {
  for (const std::string family : {"sd1", "sd2", "sd2v", "sdxl", "small", "builtin"}) {
    CAPTURE(family);
    const auto result = run(family, golden_recipe(family));
    CHECK(relative_error(result.latents.at(0), numbers(Golden(family), "pipeline/latents/19")) <= 1e-3);
    CHECK(result.model_calls == 20);
  }
}

TEST_CASE("guidance rescale follows Diffusers") {
  auto recipe = golden_recipe("sd2v");
  recipe.guidance_rescale = 0.7;
  CHECK(relative_error(run("sd2v", recipe).latents.at(0), numbers(Golden("sd2v"), "pipeline_rescale/latents/19")) <=
        1e-3);
}

TEST_CASE("the built-in model's picture differs from Diffusers' by at most one level of 255 in 99.9 % of its values") {
  const Golden golden("builtin");
  const auto image = run("builtin", golden_recipe("builtin"), true).images.at(0);
  const auto& view = golden.view("pipeline/image");
  const auto* expected = reinterpret_cast<const uint8_t*>(view.data);
  REQUIRE(view.bytes == image.pixels.size());
  size_t far = 0;
  for (size_t i = 0; i < image.pixels.size(); ++i) far += std::abs(int(image.pixels[i]) - int(expected[i])) > 1;
  CHECK(far <= image.pixels.size() / 1000);
}
