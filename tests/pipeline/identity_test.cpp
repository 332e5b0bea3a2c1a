// A recipe says what drew a picture: which model, which masks, which recordings. Whatever is another now is refused.
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <random>

#include "corepulse/recording.h"

#include "../io/support.h"
#include "io/base64.h"
#include "io/digest/sha256.h"
#include "io/tensors/safetensors.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Recipe short_run() {
  auto recipe = golden_recipe("small");
  recipe.steps = 2;
  return recipe;
}

bool contains(const std::string& text, const std::string& part) {
  const bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE(text);
  return found;
}

/** A picture that packs well, or not at all. */
Image mask(int size, bool noise, unsigned seed = 1) {
  Image image{size, size, std::vector<uint8_t>(size_t(size) * size * 3, 255)};
  std::mt19937 random(seed);
  for (size_t i = 0; i < image.pixels.size() / 2; ++i) image.pixels[i] = noise ? static_cast<uint8_t>(random()) : 60;
  return image;
}

Recipe masked(const fs::path& file) {
  auto recipe = short_run();
  recipe.controls = {inject("a dragon").within(!picture(file.string()) + rectangle(0, 0, 0.1, 0.1))};
  return recipe;
}

const Region& picture_in(const Recipe& recipe) {
  return recipe.controls.at(0).region->parts.at(0);
}

std::string why_not(const Recipe& recipe) {
  return refusal([&] { run("small", recipe); });
}

}  // namespace

TEST_CASE("a pipeline refuses a recipe that names another model, and names itself in one that names none") {
  auto recipe = short_run();
  recipe.model = "builtin";
  CHECK(has(why_not(recipe), {"invalid_request: [model]", "\"builtin\"", "small", "model_source(recipe)"}));
  recipe = short_run();
  recipe.vae = "other.safetensors";
  CHECK(has(why_not(recipe), {"invalid_request: [vae]", "\"other.safetensors\""}));
  recipe.model = "";
  CHECK(has(why_not(recipe), {"invalid_request: [model]"}));
  recipe = short_run();
  const auto named = run("small", recipe);
  recipe.model = "";
  const auto unnamed = run("small", recipe);
  CHECK(unnamed.latents == named.latents);
  CHECK(unnamed.recipe.model == tiny_folder("small"));
  recipe.model = tiny_folder("small") + "/../small";  // another way to say it
  CHECK(run("small", recipe).latents == named.latents);
}

TEST_CASE("a small mask travels inside the recipe, and its file is needed no more") {
  const Folder folder;
  save_image(mask(64, false), folder / "mask.png");
  const auto first = run("small", masked(folder / "mask.png"));
  const auto& region = picture_in(first.recipe);
  CHECK(region.file == "");
  CHECK(region.inverted);
  REQUIRE_FALSE(region.data.empty());
  put(folder / "copy.png", *io::from_base64(region.data));
  CHECK(load_image(folder / "copy.png").pixels == mask(64, false).pixels);
  save_image(mask(64, true), folder / "mask.png");
  const auto again = run("small", recipe_from_json(to_json(first.recipe)));
  CHECK(again.latents == first.latents);
  CHECK(run("small", masked(folder / "mask.png")).latents != first.latents);
}

TEST_CASE("an alpha channel travels as the luminance of a grey picture") {
  const auto file = golden_folder() + "/pictures/rgba.png";
  REQUIRE(fs::exists(file));
  auto recipe = short_run();
  recipe.controls = {inject("a dragon").within(picture(file, PictureChannel::alpha))};
  const auto first = run("small", recipe);
  CHECK(first.recipe.controls[0].region->channel == PictureChannel::luminance);
  CHECK(run("small", first.recipe).latents == first.latents);
}

TEST_CASE("a large mask is named with its digest, and another picture in its place is refused") {
  const Folder folder;
  save_image(mask(256, true), folder / "mask.png");
  const auto first = run("small", masked(folder / "mask.png")).recipe;
  CHECK(picture_in(first).file == (folder / "mask.png").string());
  CHECK(picture_in(first).data == "");
  CHECK(picture_in(first).sha256 == io::sha256_file(folder / "mask.png"));
  CHECK(why_not(recipe_from_json(to_json(first))) == "");
  save_image(mask(256, true, 2), folder / "mask.png");
  CHECK(has(why_not(first), {"bad_file: [controls[0].region.parts[0]]", "mask.png", "SHA-256"}));
  fs::remove(folder / "mask.png");
  CHECK(has(why_not(first), {"not_found: [controls[0].region.parts[0]]", "mask.png"}));
}

TEST_CASE("masks beyond what a recipe may hold in all stay files with digests") {
  const Folder folder;
  save_image(mask(150, true), folder / "mask.png");  // about 15 KB in base64: noise in half of it
  auto recipe = masked(folder / "mask.png");
  recipe.controls.resize(30, recipe.controls[0]);
  int inside = 0, named = 0;
  for (const auto& control : explain(recipe).recipe.controls) {
    const auto& region = control.region->parts[0];
    CHECK(region.data.empty() == !region.sha256.empty());
    ++(region.data.empty() ? named : inside);
  }
  CHECK(inside > 10);
  CHECK(named > 5);
}

TEST_CASE("the masks of edits travel, too") {
  const Folder folder;
  save_image(mask(64, false), folder / "mask.png");
  auto recipe = short_run();
  recipe.edits = {{1, masked(folder / "mask.png").controls}};
  const auto first = run("small", recipe);
  CHECK_FALSE(first.recipe.edits.at(0).controls.at(0).region->parts.at(0).data.empty());
  fs::remove(folder / "mask.png");
  CHECK(run("small", first.recipe).latents == first.latents);
}

TEST_CASE("a damaged picture inside a recipe is refused by name") {
  const auto refused = [](const Region& region) {
    auto recipe = short_run();
    recipe.controls = {inject("a dragon").within(region)};
    return why_not(recipe);
  };
  Region inside = picture("");
  inside.data = "no base64";
  CHECK(has(refused(inside), {"invalid_request: [controls[0].region]", "base64"}));
  inside.data = io::to_base64("no picture");
  CHECK(has(refused(inside), {"bad_file: [controls[0].region]", "embedded picture"}));
  inside.file = "also.png";
  CHECK(has(refused(inside), {"invalid_request: [controls[0].region]", "either file or data"}));
  CHECK(has(refused(picture("")), {"invalid_request: [controls[0].region]", "either file or data"}));
}

TEST_CASE("a recording is named with its digest, and another file in its place is refused") {
  const Folder folder;
  const auto file = (folder / "run.safetensors").string();
  const auto record_as = [&](uint64_t seed) {
    auto recipe = short_run();
    recipe.seeds = {seed}, recipe.controls = {record("run").at("middle:0")};
    save_recording(run("small", recipe).recordings.at(0), file);
  };
  record_as(1);
  auto recipe = short_run();
  recipe.controls = {share_recording(file)};
  const auto first = run("small", recipe);
  CHECK(std::get<Share>(first.recipe.controls[0].effect).sha256 == io::sha256_file(file));
  CHECK(run("small", recipe_from_json(to_json(first.recipe))).latents == first.latents);
  record_as(2);
  CHECK(has(why_not(first.recipe), {"bad_file: [controls[0].recording]", "run.safetensors", "SHA-256"}));
  CHECK(why_not(recipe) == "");
}

TEST_CASE("a recording with a number that is none is refused before the run") {
  const Folder folder;
  const auto file = (folder / "run.safetensors").string();
  auto recipe = short_run();
  recipe.controls = {record("run").at("middle:0")};
  save_recording(run("small", recipe).recordings.at(0), file);
  const auto recording = io::open_safetensors(file);
  for (const float wrong : {std::nanf(""), INFINITY, -INFINITY}) {
    auto tensors = recording.tensors;
    auto& view = tensors.begin()->second;
    std::vector<std::byte> numbers(view.data, view.data + view.bytes);
    std::memcpy(numbers.data() + numbers.size() - sizeof wrong, &wrong, sizeof wrong);
    view.data = numbers.data();
    io::write_safetensors(folder / "bad.safetensors", tensors, recording.metadata);
    recipe.controls = {share_recording((folder / "bad.safetensors").string())};
    CHECK(has(refusal([&] { explain(recipe); }), {"bad_file: [controls[0].recording]", "not finite"}));
  }
}

TEST_CASE("a recording of a model whose weights changed by one bit is refused") {
  const Folder folder;
  fs::copy(tiny_folder("small"), folder / "model", fs::copy_options::recursive);
  auto recipe = short_run();
  recipe.model = (folder / "model").string();
  recipe.controls = {record("run").at("middle:0")};
  const auto file = (folder / "run.safetensors").string();
  save_recording(Pipeline::load(model_source(recipe)).generate({recipe, {}, false}).recordings.at(0), file);
  recipe.controls = {share_recording(file)};
  CHECK(refusal([&] { explain(recipe); }) == "");
  const auto weights = folder / "model/unet/diffusion_pytorch_model.safetensors";
  auto bytes = get(weights);
  bytes.back() ^= 1;
  put(weights, bytes);
  CHECK(has(refusal([&] { explain(recipe); }), {"invalid_request: [controls[0].recording]", "the same model"}));
}

TEST_CASE("a recipe's paths are those of its own folder, and of the current one once it is read") {
  const Folder folder;
  fs::create_directories(folder / "models/tiny");
  fs::create_directories(folder / "out/deep");
  fs::create_directory_symlink(folder / "out/deep", folder / "link");
  put(folder / "masks.png", ""), put(folder / "run.safetensors", "");
  Recipe recipe;
  recipe.model = "models/tiny", recipe.vae = "org/name", recipe.config = "none";
  recipe.controls = {inject("x").within(picture("masks.png")), share_recording("run.safetensors"), share_image(0)};
  recipe.edits = {{1, {attend(!picture("masks.png"), 0)}}};
  const auto read = recipe_from_folder(recipe, folder.path());
  CHECK(read.model == (folder / "models/tiny").string());
  CHECK(read.vae == "org/name");
  CHECK(read.config == (folder / "none").string());
  CHECK(read.controls[0].region->file == (folder / "masks.png").string());
  CHECK(std::get<Attend>(read.edits[0].controls[0].effect).target->file == (folder / "masks.png").string());
  for (const char* place : {"out/deep", "link", "new/folder"}) {
    CAPTURE(place);
    const auto written = recipe_for_folder(read, folder / place);
    CHECK(written.model == read.model);  // an absolute path of a model stays
    const auto file = written.controls[0].region->file;
    CHECK(fs::path(file).is_relative());
    fs::create_directories(folder / place);
    CHECK(fs::equivalent(recipe_from_folder(written, folder / place).controls[0].region->file, folder / "masks.png"));
    CHECK(fs::equivalent(folder / place / std::get<Share>(written.controls[1].effect).recording,
                         folder / "run.safetensors"));
  }
  CHECK(recipe_for_folder(read, "") == read);
  CHECK(recipe_from_folder(recipe, "") == recipe);
  recipe.model = "builtin";
  CHECK(recipe_from_folder(recipe, folder.path()).model == "builtin");
}

TEST_CASE("A1111's line has no path, quotes what would end a value, and the file's own digest or none") {
  Result result;
  result.recipe.model = "/home/me/models/a, b: c.safetensors";
  result.recipe.prompt = "a cat";
  result.recipe.made_with = {"corepulse 0.1.0", std::string(64, 'f'), "cpu", "f32", "avx2", "0123456789abcdef"};
  auto line = image_text(result, 0).at("parameters");
  CHECK(contains(line, ", Model hash: 0123456789, Model: \"a, b: c\", RNG: CPU, Version: corepulse 0.1.0"));
  CHECK_FALSE(contains(line, "/home"));
  result.recipe.model = "models/say \"so\"\nv1.5/";
  result.recipe.made_with.model_sha256 = "";
  line = image_text(result, 0).at("parameters");
  CHECK(contains(line, ", Model: \"say \\\"so\\\"\\nv1.5\", RNG"));
  CHECK_FALSE(contains(line, "Model hash"));
  result.recipe.model = "org/sd-v1.5";
  CHECK(contains(image_text(result, 0).at("parameters"), ", Model: sd-v1.5, RNG"));
}

TEST_CASE("a picture of a single file has that file's digest, one of a folder none") {
  auto recipe = golden_recipe("sd1");
  recipe.steps = 1;
  CHECK(run("sd1", recipe).recipe.made_with.model_sha256 == "");
  recipe.model = tiny_folder("sd1") + ".safetensors", recipe.config = tiny_folder("sd1"), recipe.family = "sd1";
  const auto made = Pipeline::load(model_source(recipe)).generate({recipe, {}, false}).recipe.made_with;
  CHECK(made.model_sha256 == io::sha256_file(recipe.model));
}
