// Prompts in other tools' syntax, of any length, through whole runs.
#include <doctest/doctest.h>

#include "model_copy.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Recipe recipe_of(const std::string& family, const std::string& prompt, PromptSyntax syntax) {
  auto recipe = golden_recipe(family);
  recipe.steps = 2;
  recipe.prompt = prompt;
  recipe.syntax = syntax;
  return recipe;
}

std::vector<float> latents(const std::string& family, const Recipe& recipe) {
  return run(family, recipe).latents[0];
}

std::string complaint(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

const std::string kLong = [] {
  std::string text;
  for (int i = 0; i < 30; ++i) text += "a red cat in a park, ";
  return text;
}();

}  // namespace

TEST_CASE("weights move the picture, and a weight of 1 does not by a bit") {
  for (const std::string family : {"sd1", "sdxl"}) {
    const auto plain = latents(family, recipe_of(family, "a red cat in a park", PromptSyntax::plain));
    CHECK(latents(family, recipe_of(family, "a (red cat:1.0) in a park", PromptSyntax::a1111)) == plain);
    std::vector<std::vector<float>> all{plain};
    all.push_back(latents(family, recipe_of(family, "a (red cat:1.5) in a park", PromptSyntax::a1111)));
    all.push_back(latents(family, recipe_of(family, "a (red cat:1.5) in a park", PromptSyntax::comfy)));
    all.push_back(latents(family, recipe_of(family, "a (red cat)0.5 in a park", PromptSyntax::compel)));
    for (size_t i = 0; i < all.size(); ++i)
      for (size_t j = 0; j < i; ++j) CHECK(relative_error(all[i], all[j]) > 1e-4);
  }
}

TEST_CASE("a prompt may be longer than the negative prompt, and the other way round") {
  for (const std::string family : {"sd1", "sdxl"}) {
    auto recipe = recipe_of(family, kLong, PromptSyntax::a1111);
    const auto result = run(family, recipe);
    CHECK(result.notes == run(family, recipe_of(family, "a cat", PromptSyntax::a1111)).notes);
    CHECK(relative_error(result.latents[0], latents(family, recipe_of(family, kLong, PromptSyntax::plain))) > 1e-4);
    recipe.prompt = "a cat", recipe.negative_prompt = kLong;
    CHECK(relative_error(latents(family, recipe), result.latents[0]) > 1e-4);
  }
}

TEST_CASE("every control reaches the words of later chunks") {
  auto recipe = recipe_of("sd1", kLong + "BREAK a (dog:1.2) here", PromptSyntax::a1111);
  const auto plain = run("sd1", recipe);
  const auto changes = [&](std::vector<Control> controls) {
    recipe.controls = std::move(controls);
    const auto result = run("sd1", recipe);
    return result.notes == plain.notes && result.latents[0] != plain.latents[0];
  };
  CHECK(changes({reweight("dog", 3)}));
  CHECK(changes({mask_tokens("a dog here")}));
  CHECK(changes({replace_tokens("dog", "small house")}));
  CHECK(changes({value_gain("dog", -1)}));
  CHECK(changes({inject("a (dragon:1.3) BREAK in a park").at("middle:0")}));
  CHECK_FALSE(changes({capture("dog")}));
  recipe.controls = {capture("dog")};
  CHECK(run("sd1", recipe).heat_maps.size() == 1);
}

TEST_CASE("a whole injection of a long prompt is the run with that prompt, bit for bit") {
  auto recipe = recipe_of("sd1", "a cat", PromptSyntax::a1111);
  recipe.controls = {inject(kLong + "(dog:1.4)")};
  CHECK(latents("sd1", recipe) == latents("sd1", recipe_of("sd1", kLong + "(dog:1.4)", PromptSyntax::a1111)));
}

TEST_CASE("syntax is part of the recipe, and what it cannot read is an error before the run") {
  const auto recipe = recipe_of("sd1", "a (cat:1.2)", PromptSyntax::comfy);
  CHECK(recipe_from_json(to_json(recipe)) == recipe);
  CHECK(run("sd1", recipe).recipe.syntax == PromptSyntax::comfy);
  CHECK(complaint(recipe_of("sd1", "a cat.swap(dog)", PromptSyntax::compel)).find("replace_tokens") !=
        std::string::npos);
  auto missing = recipe;
  missing.controls = {reweight("1.2", 2)};
  CHECK(complaint(missing).find("is in no prompt") != std::string::npos);
}

TEST_CASE("another tool's syntax in a plain prompt is noted, with what reads it") {
  const auto notes = run("sd1", recipe_of("sd1", "a (red cat:1.2)", PromptSyntax::plain)).notes;
  bool noted = false;
  for (const auto& note : notes) noted |= note.find("syntax a1111 or comfy reads it") != std::string::npos;
  CHECK(noted);
  for (const auto& note : run("sd1", recipe_of("sd1", "a \\(red cat:1.2\\)", PromptSyntax::a1111)).notes)
    CHECK(note.find("drawn as text") == std::string::npos);
}

TEST_CASE("prompt editing reads another text at other steps, and controls find their phrases in each") {
  auto recipe = recipe_of("sd1", "a [red:blue:1] cat", PromptSyntax::a1111);
  recipe.negative_prompt = "[blurry|dark]";
  const auto edited = run("sd1", recipe);
  const auto json = io::parse_json(explain(recipe).json, "explain");
  REQUIRE(json["texts"].size() == 4);
  CHECK(json["texts"][0]["prompt"] == "a red cat");
  CHECK(json["calls"][0]["prompt"] == 0);
  CHECK(json["calls"][0]["negative"] == 1);
  CHECK(json["texts"][json["calls"][1]["prompt"].get<size_t>()]["prompt"] == "a blue cat");
  CHECK(json["texts"][json["calls"][1]["negative"].get<size_t>()]["prompt"] == "dark");
  CHECK(explain(recipe).text.find("the prompt: text 0 in steps 0, text ") != std::string::npos);
  // The same as other controls say it.
  auto same = recipe_of("sd1", "a red cat", PromptSyntax::a1111);
  same.negative_prompt = "blurry";
  same.controls = {inject("a blue cat").steps(1, 2), negative("dark").steps(1, 2)};
  CHECK(run("sd1", same).latents[0] == edited.latents[0]);
  recipe.controls = {reweight("blue", 2), reweight("red", 0.5)};
  CHECK(run("sd1", recipe).latents[0] != edited.latents[0]);
  recipe.controls = {reweight("blue", 2).steps(0, 1)};
  CHECK(complaint(recipe).find("is in no prompt that is read here") != std::string::npos);
  recipe.controls = {inject("a [red:blue:1] dog")};
  CHECK(complaint(recipe).find("change with the steps") != std::string::npos);
}

TEST_CASE("SDXL's pooled vector follows prompt editing") {
  const auto edited = run("sdxl", recipe_of("sdxl", "a [red:blue:1] cat", PromptSyntax::a1111));
  auto same = recipe_of("sdxl", "a red cat", PromptSyntax::a1111);
  same.controls = {inject("a blue cat").steps(1, 2), pooled("a blue cat").steps(1, 2)};
  CHECK(run("sdxl", same).latents[0] == edited.latents[0]);
}

TEST_CASE("A1111's own count reads the first step's text twice") {
  auto recipe = recipe_of("sd1", "a [red:blue:1] cat", PromptSyntax::a1111);
  recipe.compat = Compat::a1111;
  CHECK(run("sd1", recipe).latents[0] == [&] {
    recipe.prompt = "a red cat";
    return run("sd1", recipe).latents[0];
  }());
}

TEST_CASE("choices are decided by the seed, and a picture's recipe repeats them") {
  auto recipe = recipe_of("sd1", "a {red|blue|green} {cat|dog}", PromptSyntax::comfy);
  recipe.controls = {inject("a {dragon|house}").at("middle:0")};
  const auto result = run("sd1", recipe);
  CHECK(result.recipe.prompt.find('{') == std::string::npos);
  CHECK(std::get<Inject>(result.recipe.controls[0].effect).prompt.find('{') == std::string::npos);
  CHECK(run("sd1", result.recipe).latents[0] == result.latents[0]);
  CHECK(run("sd1", recipe).recipe.prompt == result.recipe.prompt);
  bool noted = false;
  for (const auto& note : result.notes) noted |= note == "the prompt's choices: \"" + result.recipe.prompt + "\"";
  CHECK(noted);
}

TEST_CASE("prompts joined by AND are drawn together, each with its weight") {
  for (const std::string family : {"sd1", "sdxl"}) {
    const auto cat = latents(family, recipe_of(family, "a cat", PromptSyntax::a1111));
    const auto both = [&](const std::string& prompt) {
      return latents(family, recipe_of(family, prompt, PromptSyntax::a1111));
    };
    CHECK(relative_error(both("a cat :0.25 AND a cat :0.75"), cat) < 1e-4);
    CHECK(relative_error(both("a cat AND a red dog :0"), cat) < 1e-4);
    CHECK(relative_error(both("a cat AND a red dog :0.5"), cat) > 1e-3);
    CHECK(relative_error(both("a cat AND a red dog :0.5"), both("a cat AND a red dog :-0.5")) > 1e-3);
  }
}

TEST_CASE("joined prompts change with the steps, have any length, and are read by controls") {
  auto recipe = recipe_of("sd1", "a cat AND a [red:blue:1] dog BREAK here", PromptSyntax::a1111);
  recipe.seeds = {3, 4};
  const auto both = run("sd1", recipe);
  auto second = recipe;
  second.seeds = {4};
  CHECK(run("sd1", second).latents[0] == both.latents[1]);
  recipe.controls = {reweight("blue", 3)};
  CHECK(run("sd1", recipe).latents[0] != both.latents[0]);
  recipe.controls = {inject("a cat AND a dog")};
  CHECK(complaint(recipe).find("AND joins prompts") != std::string::npos);
}

TEST_CASE("a text encoder of 248 positions reads a prompt of 246 tokens as one chunk") {
  const ModelCopy copy("sd1");
  auto config = copy.read("text_encoder/config.json");
  config["max_position_embeddings"] = 248;
  copy.write("text_encoder/config.json", config);
  auto tokenizer = copy.read("tokenizer/tokenizer_config.json");
  tokenizer["model_max_length"] = 248;
  copy.write("tokenizer/tokenizer_config.json", tokenizer);
  const auto file = fs::path(copy.path()) / "text_encoder/model.safetensors";
  {
    const auto old = io::open_safetensors(file);
    auto tensors = old.tensors;
    std::vector<uint16_t> numbers;
    for (auto& [name, tensor] : tensors) {
      if (!name.ends_with("position_embedding.weight")) continue;
      numbers.resize(static_cast<size_t>(248 * tensor.shape[1]));
      for (size_t i = 0; i * 2 < tensor.bytes && i < numbers.size(); ++i)
        std::memcpy(&numbers[i], tensor.data + 2 * i, 2);
      tensor.shape[0] = 248, tensor.bytes = numbers.size() * 2;
      tensor.data = reinterpret_cast<const std::byte*>(numbers.data());
    }
    std::erase_if(tensors, [](const auto& entry) { return entry.first.ends_with("position_ids"); });
    io::write_safetensors(file, tensors);
  }
  auto recipe = recipe_of("sd1", kLong, PromptSyntax::plain);
  recipe.model = copy.path();
  const auto pipeline = Pipeline::load({.model = copy.path()}, {.dtype = test_dtype()});
  const auto result = pipeline.generate({recipe, {}, false});
  for (const auto& note : result.notes) CHECK(note.find("not read") == std::string::npos);
  recipe.prompt = kLong + "dog";
  CHECK(pipeline.generate({recipe, {}, false}).latents[0] != result.latents[0]);
}
