// A wrong request is refused before weights are read, and a good one can be watched, stopped and repeated.
#include <cstdio>
#include <doctest/doctest.h>
#include <filesystem>
#include <fstream>
#include <optional>

#include "support.h"
#include "support/psnr.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

std::string refusal(const std::function<void(Recipe&)>& spoil, ErrorCode code = ErrorCode::invalid_request) {
  auto recipe = golden_recipe("builtin");
  spoil(recipe);
  try {
    explain(recipe);
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("sizes, numbers and prompts out of range are refused by name, with the valid range") {
  CHECK(contains(refusal([](Recipe& r) { r.width = 100; }), "width is 100; expected a multiple of 8"));
  CHECK(contains(refusal([](Recipe& r) { r.height = -8; }), "height is -8"));
  CHECK(contains(refusal([](Recipe& r) { r.width = 100000; }), "width"));
  CHECK(contains(refusal([](Recipe& r) { r.steps = 0; }), "steps is 0"));
  CHECK(contains(refusal([](Recipe& r) { r.guidance = NAN; }), "guidance is nan"));
  CHECK(contains(refusal([](Recipe& r) { r.guidance_rescale = 2; }), "guidance_rescale is 2"));
  CHECK(contains(refusal([](Recipe& r) { r.seeds.clear(); }), "seeds"));
  CHECK(contains(refusal([](Recipe& r) { r.prompt = std::string(16 * 1024 + 1, 'a'); }), "prompt has 16385 bytes"));
  CHECK(contains(refusal([](Recipe& r) { r.prompt = "\xff"; }), "UTF-8"));
  CHECK(contains(refusal([](Recipe& r) { r.clip_skip = 20; }), "clip_skip"));
}

TEST_CASE("a control that can never act is refused, naming the choices") {
  CHECK(contains(refusal([](Recipe& r) { r.controls = {inject("x").at("output:9")}; }), "output:2"));
  CHECK(contains(refusal([](Recipe& r) { r.controls = {reweight("dog", 2)}; }), "cat"));
  CHECK(refusal([](Recipe& r) { r.controls = {inject("x").sigma(0.001, 0.0001)}; }) != "accepted");
}

TEST_CASE("what is rarely meant is drawn, and noted") {
  const auto notes = [](const std::function<void(Recipe&)>& change) {
    auto recipe = golden_recipe("builtin");
    change(recipe);
    const auto explanation = explain(recipe);
    const auto all = io::parse_json(explanation.json, "explanation")["notes"].dump();
    CHECK(contains(explanation.text, "note: ") == (all != "[]"));
    return all;
  };
  CHECK(notes([](Recipe&) {}) == "[]");
  CHECK(contains(notes([](Recipe& r) { r.prompt = "a (cat:1.2)"; }), "(cat:1.2)"));
  CHECK(
      contains(notes([](Recipe& r) { r.negative_prompt = "[cat|dog]"; }), "in the negative prompt is words by turns"));
  CHECK(contains(notes([](Recipe& r) { r.controls = {inject("a cat <lora:fox:1>")}; }), "in a control's prompt"));
  CHECK(contains(notes([](Recipe& r) { r.prompt = " "; }), "there is no prompt"));
  CHECK(notes([](Recipe& r) { r.prompt = "", r.controls = {inject("a cat")}; }) == "[]");
  const auto within = [&](const Region& region) {
    return notes([&](Recipe& r) { r.controls = {inject("a dog").within(region)}; });
  };
  CHECK(contains(within(rectangle(0, 0, 128, 256)), "px"));
  CHECK(within(rectangle(0, 0, 128, 256).pixels()) == "[]");
  CHECK(within(rectangle(-0.5, 0, 2, 1)) == "[]");
  CHECK(contains(within(rectangle(0, 0, 0.5, 1).pixels()), "without px"));
  CHECK(contains(notes([](Recipe& r) { r.controls = {regions({{"a dog", !circle(64, 64, 30)}})}; }), "64 times"));
}

TEST_CASE("a picture's brightness is the region, and what is wrong with the picture is said of the region") {
  auto recipe = golden_recipe("small");
  const auto folder = std::filesystem::temp_directory_path() / "corepulse_masks";
  std::filesystem::create_directories(folder);
  Image grey{4, 2, std::vector<uint8_t>(24, 255)};
  for (int i = 0; i < 12; ++i) grey.pixels[i] = 102;  // the upper half: 0.4
  save_image(grey, folder / "grey.png");
  const auto shares = [&](const std::string& file) {
    recipe.controls = {inject("a dragon").within(picture((folder / file).string()))};
    return io::parse_json(explain(recipe).json, "explanation")["controls"][0]["region"][0];
  };
  CHECK(shares("grey.png")["mean"].get<double>() == doctest::Approx(0.7).epsilon(1e-4));
  CHECK(shares("grey.png")["whole"].get<int>() * 2 == shares("grey.png")["touched"].get<int>());
  std::ofstream(folder / "bad.png") << "no picture";
  for (const std::string file : {"bad.png", "none.png"}) try {
      shares(file);
      FAIL("accepted ", file);
    } catch (const Error& e) {
      CHECK(contains(e.what(), "[controls[0].region]"));
      CHECK(contains(e.what(), file));
    }
  std::filesystem::remove_all(folder);
}

TEST_CASE("a model that is not there is refused as such") {
  CHECK(refusal([](Recipe& r) { r.model = "no/such-model"; }, ErrorCode::not_found) != "accepted");
}

TEST_CASE("explaining tells where a control acts, in text and JSON") {
  auto recipe = golden_recipe("builtin");
  recipe.controls = {inject("a dragon").at("middle:0, output:0").sigma(15, 0)};
  const auto explanation = explain(recipe);
  CHECK(contains(explanation.text, "output:0"));
  CHECK(contains(explanation.json, "output:0"));
}

TEST_CASE("the callback sees every step and a preview, and stops the run before the next model call") {
  auto recipe = golden_recipe("small");
  recipe.steps = 5;
  int calls = 0;
  const auto watch = [&](const Progress& progress) {
    CHECK(progress.step == ++calls);
    CHECK(progress.steps == 5);
    const auto picture = progress.preview(0);
    CHECK(picture.width == 16);
    CHECK(picture.pixels.size() == 16 * 8 * 3);
    return calls < 3;
  };
  try {
    tiny("small").generate({recipe, watch, false});
    FAIL("a stopped run returned");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::cancelled);
  }
  CHECK(calls == 3);
  CHECK(run("small", recipe).model_calls == 5);  // the pipeline lives on
}

TEST_CASE("a picture's recipe repeats it bit for bit, also one of a batch") {
  auto recipe = golden_recipe("small");
  recipe.steps = 3;
  recipe.seeds = {3, 4};
  recipe.controls = {inject("a dragon").strength({{0, 0}, {1, 0.9}}).within(circle(0.5, 0.5, 0.3)),
                     reweight("cat", 0.5), reweight("cat", 3).for_images({1}), reweight("park", 2).for_images({0})};
  const auto result = run("small", recipe, true);
  const auto file = (std::filesystem::temp_directory_path() / "corepulse_repeat.png").string();
  save_image(result.images[1], file, image_text(result, 1));
  const auto text = load_image_text(file);
  const auto again = run("small", recipe_from_json(text.at("corepulse")), true);
  CHECK(again.images.at(0).pixels == load_image(file).pixels);
  CHECK(contains(text.at("parameters"), "Steps: 3, Sampler: Euler"));
  CHECK(contains(text.at("parameters"), "Seed: 4, Size: 128x64"));
  std::remove(file.c_str());
}

TEST_CASE("words beyond the 75th token are reported") {
  auto recipe = golden_recipe("small");
  recipe.steps = 1;
  recipe.prompt = "a cat";
  for (int i = 0; i < 60; ++i) recipe.prompt += " in a park";
  const auto notes = run("small", recipe).notes;
  REQUIRE_FALSE(notes.empty());
  CHECK(contains(notes.back(), "not read"));
  CHECK(contains(notes.back(), "park"));
}

TEST_CASE("a word that the built-in model does not know is noted once, wherever it stands; one that it knows is not") {
  auto recipe = golden_recipe("builtin");
  recipe.steps = 1, recipe.width = recipe.height = 64;
  recipe.prompt = "a Red cat, in a park! 3d render";
  CHECK(run("builtin", recipe).notes.empty());
  recipe.negative_prompt = "Blurry, blurry cat; watermark";
  recipe.controls = {inject("a blurry hippogriff").at("output:0")};
  const auto notes = run("builtin", recipe).notes;
  REQUIRE(notes.size() == 1);
  CHECK(contains(notes[0], "does not know: Blurry, watermark, hippogriff;"));
  auto other = golden_recipe("small");
  other.steps = 1, other.negative_prompt = "hippogriff";
  CHECK(run("small", other).notes.empty());
}

Pipeline small_in(ComputeType dtype) {
  return Pipeline::load({.model = tiny_folder("small")}, {.dtype = dtype});
}

void check_recorded_and_near_float32(const Pipeline& pipeline, const std::string& name) {
  const auto recipe = golden_recipe("small");
  const auto once = pipeline.generate({recipe, {}, false}), again = pipeline.generate({recipe, {}, false});
  CHECK(once.recipe.made_with.dtype == name);
  CHECK(once.latents == again.latents);
  const auto exact = small_in(ComputeType::float32).generate({recipe, {}, false});
  CHECK(once.latents != exact.latents);
  CHECK(relative_error(once.latents[0], exact.latents[0]) < 0.1);
}

TEST_CASE("bfloat16 is recorded, repeats its bits and stays near float32; without its instructions it is refused") {
  std::optional<Pipeline> pipeline;
  try {
    pipeline = small_in(ComputeType::bfloat16);
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::invalid_request);
    CHECK(std::string(error.what()).find("bf16 needs a processor") != std::string::npos);
    return;
  }
  check_recorded_and_near_float32(*pipeline, "bf16");
}

TEST_CASE("int8 is recorded, repeats its bits and stays near float32") {
  check_recorded_and_near_float32(small_in(ComputeType::int8), "int8");
}

TEST_CASE("the built-in model's pictures in bfloat16 and int8 stay within docs/numerics.md's bounds of float32's") {
  for (const auto& [dtype, bound] : {std::pair{ComputeType::bfloat16, 22.0}, {ComputeType::int8, 20.0}}) {
    std::optional<Pipeline> narrow;
    try {
      narrow = Pipeline::load({.model = "builtin"}, {.dtype = dtype});
    } catch (const Error& error) {
      CHECK(std::string(error.what()).find("bf16 needs a processor") != std::string::npos);
      continue;
    }
    const auto exact = Pipeline::load({.model = "builtin"}, {.dtype = ComputeType::float32});
    for (const char* prompt : {"a cat in a park", "a dragon at night"}) {
      CAPTURE(prompt);
      Recipe recipe;
      recipe.prompt = prompt;
      recipe.seeds = {7};
      recipe.steps = 8;
      const auto one = narrow->generate({recipe}).images.at(0), other = exact.generate({recipe}).images.at(0);
      CHECK(one.pixels != other.pixels);
      CHECK(test::psnr(one, other) >= bound);
    }
  }
}

TEST_CASE("float16 on the CPU is refused with the reason") {
  try {
    Pipeline::load({.model = "builtin"}, {.dtype = ComputeType::float16, .device = LoadOptions::Device::cpu});
    FAIL("accepted");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
  }
}

TEST_CASE("a picture that cannot fit is refused before the run, with both figures") {
  auto recipe = golden_recipe("builtin");
  recipe.width = recipe.height = 8192;
  for (uint64_t seed = recipe.seeds.size(); seed < 64; ++seed) recipe.seeds.push_back(seed);
  try {
    tiny("builtin").generate({recipe, {}, false});
    FAIL("a run of 8192 x 8192 began");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::out_of_memory);
    CHECK(contains(e.what(), "8192x8192"));
    CHECK(contains(e.what(), "needs about"));
    CHECK(contains(e.what(), "GB is available"));
  }
}
