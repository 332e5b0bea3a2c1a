// Models that edit a picture as the prompt says (instruct-pix2pix): Diffusers' numbers, and what they promise.
#include <doctest/doctest.h>
#include <set>

#include "model_copy.h"
#include "picture_file.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** A tiny model whose conv_in reads a picture, too, as the goldens have it. */
struct EditingModel {
  ModelCopy copy;
  Pipeline pipeline;

  explicit EditingModel(const std::string& family) : copy(family), pipeline(load(family)) {}

 private:
  Pipeline load(const std::string& family) const {
    const Golden golden("pix2pix");
    auto config = copy.read("unet/config.json");
    config["in_channels"] = 8;
    copy.write("unet/config.json", config);
    const auto file = copy.path() + "/unet/diffusion_pytorch_model.safetensors";
    const auto stored = io::open_safetensors(file);
    auto tensors = stored.tensors;
    tensors["conv_in.weight"] = golden.view("conv_in/" + family);
    io::write_safetensors(file, tensors);
    return Pipeline::load({.model = copy.path()}, {.dtype = test_dtype()});
  }
};

const EditingModel& editing(const std::string& family) {
  static std::map<std::string, std::unique_ptr<EditingModel>> models;
  auto& model = models[family];
  if (!model) model = std::make_unique<EditingModel>(family);
  return *model;
}

const PictureFile& golden_file() {
  static const PictureFile file("pix2pix.png", golden_picture(Golden("pix2pix"), "picture"));
  return file;
}

Recipe edited(const std::string& family = "sd1") {
  const Golden golden("pix2pix");
  Recipe recipe{.model = editing(family).copy.path(), .prompt = golden.metadata().at("prompt")};
  recipe.negative_prompt = golden.metadata().at("negative_prompt");
  recipe.width = 128, recipe.height = 64, recipe.seeds = {3}, recipe.steps = 3, recipe.sampler = SamplerKind::euler;
  recipe.init = InitPicture{.file = golden_file().path.string(), .strength = 1};
  return recipe;
}

std::vector<float> latents(const Recipe& recipe, const std::string& family = "sd1") {
  return editing(family).pipeline.generate({recipe, {}, false}).latents.at(0);
}

std::string refused(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "accepted";
}

}  // namespace

TEST_CASE("an edited picture ends in the latents of Diffusers' instruct-pix2pix pipelines, within 1e-3") {
  const Golden golden("pix2pix");
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  int found = 0;
  for (const auto& [name, run] : runs.items()) {
    CAPTURE(name);
    const std::string family = run["family"];
    auto recipe = edited(family);
    recipe.sampler = parse_sampler(run["sampler"].get<std::string>()).sampler;
    recipe.steps = run["steps"], recipe.guidance = run["guidance"], recipe.image_guidance = run["image_guidance"];
    CHECK(relative_error(latents(recipe, family), numbers(golden, "run/" + name)) <= 1e-3);
    ++found;
  }
  CHECK(found == 5);
}

TEST_CASE("law: controls of the negative prompt reach its row without the picture, too") {
  auto recipe = edited();
  recipe.negative_prompt = "a dragon";
  const auto other = latents(recipe);
  recipe.negative_prompt = "a blurry picture";
  CHECK(relative_error(latents(recipe), other) > 1e-3);
  recipe.controls = {inject("a dragon").on(Rows::uncond)};
  CHECK(latents(recipe) == other);
  recipe.controls = {negative("a dragon")};
  CHECK(latents(recipe) == other);
}

TEST_CASE("law: image guidance 1 is guidance by two rows, and more of it keeps more of the picture") {
  auto recipe = edited();
  recipe.image_guidance = 1;
  CHECK(io::parse_json(explain(recipe).json, "e")["calls"][0]["rows"].size() == 2);
  const auto one = latents(recipe);
  recipe.image_guidance = 1.5;
  const auto more = latents(recipe);
  CHECK(relative_error(more, one) > 1e-3);
  recipe.image_guidance.reset();
  CHECK(latents(recipe) == more);
}

TEST_CASE("law: an image of a batch is the same alone, and one that looks at another finds its rows") {
  auto recipe = edited();
  recipe.seeds = {3, 4};
  const auto both = editing("sd1").pipeline.generate({recipe, {}, false}).latents;
  CHECK(latents(edited()) == both[0]);
  recipe.controls = {share_image(0).on(Rows::both)};
  CHECK(editing("sd1").pipeline.generate({recipe, {}, false}).latents[1] != both[1]);
}

TEST_CASE("explain and inspect say what an editing model reads, and the estimate counts its rows") {
  auto recipe = edited();
  recipe.seeds = {1, 2};
  const auto told = io::parse_json(explain(recipe).json, "e");
  CHECK(told["calls"][0]["rows"][2]["of"] == "without_picture");
  CHECK(told["calls"][0]["rows"][2]["scale"] == 0.5);
  CHECK(explain(recipe).text.find("negative, prompt, negative without the picture") != std::string::npos);
  const auto info = inspect_model({.model = recipe.model});
  CHECK(info.pix2pix);
  CHECK(to_text(info).find("instruct-pix2pix") != std::string::npos);
  const auto result = editing("sd1").pipeline.generate({recipe});
  CHECK(result.recipe.image_guidance == 1.5);
  CHECK(editing("sd1").pipeline.estimate({recipe}).model_calls == result.model_calls);
  recipe.guidance = 1;
  CHECK(io::parse_json(explain(recipe).json, "e")["calls"][0]["rows"].size() == 1);
}

TEST_CASE("less than full strength starts from the picture, too; a mask bounds what is edited") {
  auto recipe = edited();
  const auto whole = latents(recipe);
  recipe.init->strength = 0.7;
  CHECK(relative_error(latents(recipe), whole) > 1e-3);
  recipe.init->mask = rectangle(0, 0, 0.5, 1);
  const auto picture = golden_picture(Golden("pix2pix"), "picture");
  const auto half = editing("sd1").pipeline.generate({recipe}).images.at(0);
  const size_t last = half.pixels.size() - 1;
  CHECK(half.pixels[last] == picture.pixels[last]);
  CHECK(half.pixels[0] != picture.pixels[0]);
}

TEST_CASE("what an editing model cannot do, and what others cannot, is said") {
  auto recipe = edited();
  recipe.init.reset();
  CHECK(refused(recipe).find("[init] this model (instruct-pix2pix) edits a picture") == 0);
  recipe = edited(), recipe.second_pass = SecondPass{};
  CHECK(refused(recipe).find("[second_pass] an instruct-pix2pix model") == 0);
  recipe = edited(), recipe.init->invert = Inversion{}, recipe.sampler = SamplerKind::ddim;
  CHECK(refused(recipe).find("[init.invert] this model (instruct-pix2pix)") == 0);
  recipe = edited(), recipe.image_guidance = -1;
  CHECK(refused(recipe).find("image_guidance is -1") != std::string::npos);
  recipe = edited(), recipe.model = tiny_folder("sd1"), recipe.image_guidance = 1.5;
  CHECK(refused(recipe).find("image_guidance is how strongly") != std::string::npos);
}
