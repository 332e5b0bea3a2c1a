// Models with parts taken out run, and controls find the layers that they have.
#include <algorithm>
#include <doctest/doctest.h>

#include "../io/support.h"
#include "../unet/support.h"
#include "model/parts.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

struct Shape {
  const char* name;
  bool middle;  ///< Whether its middle block has attention.
  int cross;    ///< Its layers that read the text.
};

constexpr Shape kShapes[] = {{"ssd_1b", false, 17},  {"vega", false, 15},   {"koala_700m", false, 9},
                             {"koala_1b", true, 15}, {"bk_base", true, 10}, {"bk_small", false, 9},
                             {"bk_tiny", false, 9},  {"sdxs", false, 12},   {"uneven", true, 11}};

Recipe recipe_of(const std::string& shape) {
  Recipe recipe;
  recipe.prompt = "a small red cat in a park", recipe.width = 64, recipe.height = 48, recipe.steps = 2;
  recipe.model = tiny_folder(shape), recipe.seeds = {5};
  return recipe;
}

std::vector<float> latents(const std::string& shape, const std::vector<Control>& controls) {
  auto recipe = recipe_of(shape);
  recipe.controls = controls;
  return run(shape, recipe).latents.at(0);
}

/** A single file of a UNet has the numbers that no shape tells from here. */
model::Parts parts_of_file(const std::string& file, const std::string& shape) {
  const Folder config;
  fs::create_directory(config / "unet");
  fs::copy(golden_folder() + "/shapes/" + shape + "/config.json", config / "unet");
  return model::understand({.model = golden_folder() + "/models/" + family_of_shape(shape),
                            .unet = golden_folder() + "/shapes/" + file + ".safetensors",
                            .config = config.path().string()});
}

unet::UNet unet_of(const model::Parts& parts) {
  return {nn::Weights(parts.collection.networks.at(model::Part::unet).stored.tensors, "unet", mx::float32), parts.unet};
}

}  // namespace

TEST_CASE("every shape has its layers by name; a middle block without attention is no place for a control") {
  for (const auto& [shape, middle, cross] : kShapes) {
    CAPTURE(std::string(shape));
    const auto info = inspect_model({.model = tiny_folder(shape)});
    CHECK(std::ranges::count_if(info.sites, [](const auto& site) { return site.cross; }) == cross);
    const auto plain = latents(shape, {}), other = latents(shape, {inject("a dragon").at("output")});
    CHECK(relative_error(other, plain) > 0.01);
    const auto there = [&](const char* where) { return latents(shape, {inject("a dragon").at(where)}); };
    for (const auto* where : {"content", "middle", "middle:0"}) {
      CAPTURE(std::string(where));
      if (middle)
        CHECK(relative_error(there(where), plain) > 1e-4);
      else
        CHECK(
            has(refusal([&] { there(where); }), {"invalid_request", where, "names no attention layer of this model"}));
    }
  }
}

TEST_CASE("explain and inspect show the blocks that are there") {
  const auto text = to_text(inspect_model({.model = tiny_folder("koala_700m")}));
  CHECK(text.find("mid_block") == std::string::npos);
  CHECK(text.find("up_blocks.2") != std::string::npos);
  const auto resnet = to_text(inspect_model({.model = tiny_folder("ssd_1b")}));
  CHECK(resnet.find("mid_block") != std::string::npos);
}

TEST_CASE("a single file's UNet computes what Diffusers computes from the folder's") {
  const Golden golden("shapes");
  for (const std::string shape : {"ssd_1b", "koala_700m", "bk_small", "sdxs"}) {
    CAPTURE(shape);
    const auto unet = unet_of(parts_of_file(shape, shape));
    const Case call(golden, 0, shape + "/");
    CHECK(relative_error(call.run(unet, PlainControl()), call.out) <= 1e-4);
  }
}

TEST_CASE("weights in 8-bit floats with scales compute what Diffusers computes from the numbers that they mean") {
  const Golden golden("shapes");
  for (const std::string file : {"scaled_e4m3", "scaled_e5m2"}) {
    CAPTURE(file);
    auto parts = parts_of_file(file, "bk_small");
    for (int n = 0; n < 2; ++n) {
      const Case call(golden, n, file + "/");
      CHECK(relative_error(call.run(unet_of(parts), PlainControl()), call.out) <= 1e-4);
    }
    for (auto& [name, view] : parts.collection.networks.at(model::Part::unet).stored.tensors) view.scale = 1;
    const Case call(golden, 0, file + "/");
    CHECK(relative_error(call.run(unet_of(parts), PlainControl()), call.out) > 0.1);
  }
}
