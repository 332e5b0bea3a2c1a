// The same weights as Diffusers folder and as single file (LDM names) are the same model: the same bits.
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE("a Diffusers folder and the single file of the same weights give the same bits") {
  for (const std::string family : {"sd1", "sd2", "sdxl"}) {
    CAPTURE(family);
    const auto folder = tiny_folder(family);
    auto recipe = golden_recipe(family);
    recipe.steps = 3;
    const auto expected = run(family, recipe, true);
    // Random tiny models have heads and groups that no file tells, and another vocabulary than CLIP's.
    const auto single =
        Pipeline::load({.model = folder + ".safetensors", .config = folder, .family = family, .prediction = "epsilon"},
                       {.dtype = ComputeType::float32});
    recipe.model.clear();
    const auto result = single.generate({recipe, {}, true});
    CHECK(result.latents == expected.latents);
    CHECK(result.images[0].pixels == expected.images[0].pixels);
  }
}
