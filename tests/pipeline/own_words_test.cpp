// Runs whose prompts hold words from files, and prompts of their own for SDXL's second text encoder.
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "kernels/device.h"
#include "model/model.h"
#include "pipeline/encode_prompt.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Recipe small_recipe(const std::string& family, const std::string& prompt) {
  auto recipe = golden_recipe(family);
  recipe.prompt = prompt, recipe.negative_prompt = "";
  recipe.steps = 2, recipe.width = recipe.height = 64;
  return recipe;
}

std::string words_folder() {
  return golden_folder() + "/embeddings";
}

std::string error_of(const std::string& family, const Recipe& recipe) {
  try {
    tiny(family).prepare({recipe});
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

bool has(const std::vector<std::string>& notes, std::string_view words) {
  return std::any_of(notes.begin(), notes.end(), [&](const auto& note) { return note.find(words) != note.npos; });
}

}  // namespace

TEST_CASE("a word from a file is drawn, is a phrase for controls, and the recipe knows its file") {
  auto recipe = small_recipe("sd1", "a redcat in a park");
  const auto plain = run("sd1", recipe);
  recipe.embeddings = Embeddings{words_folder(), {}};
  const auto drawn = run("sd1", recipe);
  CHECK(relative_error(drawn.latents[0], plain.latents[0]) > 1e-3);
  REQUIRE(drawn.recipe.embeddings);
  REQUIRE(drawn.recipe.embeddings->files.size() == 1);
  CHECK(drawn.recipe.embeddings->files[0].name == "redcat");
  CHECK(drawn.recipe.embeddings->files[0].sha256.size() == 64);
  CHECK(run("sd1", recipe_from_json(to_json(drawn.recipe))).latents == drawn.latents);

  recipe.controls = {parse_reweight("redcat=0.2")};
  const auto explained = explain(recipe);
  CHECK(explained.text.find("tokens 2, 3, 4 of text 0") != std::string::npos);
  CHECK(relative_error(run("sd1", recipe).latents[0], drawn.latents[0]) > 1e-4);

  recipe.controls = {inject("my-style").strength(0.5)};
  CHECK(run("sd1", recipe).recipe.embeddings->files.size() == 2);
  recipe.prompt = "a cat", recipe.controls = {};
  CHECK(!run("sd1", recipe).recipe.embeddings);
}

TEST_CASE("ComfyUI's embedding:name is read where there is a file, and noted where there is none") {
  auto recipe = small_recipe("sd1", "a embedding:redcat in a park");
  recipe.syntax = PromptSyntax::comfy;
  CHECK(has(run("sd1", recipe).notes, "no file for \"embedding:redcat\""));
  recipe.embeddings = Embeddings{words_folder(), {}};
  recipe.controls = {parse_mask("redcat")};
  const auto made = run("sd1", recipe);
  CHECK(!has(made.notes, "embedding:"));
  CHECK(made.recipe.embeddings->files.size() == 1);
}

TEST_CASE("SDXL's second text encoder reads what Diffusers gives it") {
  const double bound = kernels::has_amx() ? 1e-4 : 2e-5;
  const Golden golden("embeddings");
  const auto second = io::parse_json(golden.metadata().at("second"), "golden");
  const auto model = model::load(model::understand({.model = tiny_folder("sdxl")}), mx::float32);
  for (size_t n = 0; n < second.size(); ++n)
    for (const size_t side : {0, 2}) {
      const auto text = second[n][side].get<std::string>();
      std::optional<PromptText> further;
      if (second[n][side + 1].is_string()) further = PromptText(second[n][side + 1].get<std::string>());
      const auto made = pipeline::encode_prompt(*model, PromptText(text), 0, PromptSyntax::plain, nullptr, further);
      const auto name = fmt::format("second/{}/{}", n, side == 0 ? "prompt" : "negative");
      CHECK(test::relative_error(made.context, golden.array(name)) < bound);
      const auto pooled = fmt::format("second/{}/{}", n, side == 0 ? "pooled" : "negative_pooled");
      CHECK(test::relative_error(*made.pooled, golden.array(pooled)) < bound);
    }
}

TEST_CASE("a second prompt is drawn, stays in the recipe, and leaves controls' phrases to the first") {
  auto recipe = small_recipe("sdxl", "a red cat in a park");
  const auto plain = run("sdxl", recipe);
  recipe.prompt_2 = recipe.prompt;
  CHECK(run("sdxl", recipe).latents == plain.latents);
  recipe.prompt_2 = "an oil painting of a house";
  const auto drawn = run("sdxl", recipe);
  CHECK(relative_error(drawn.latents[0], plain.latents[0]) > 1e-3);
  CHECK(run("sdxl", recipe_from_json(to_json(drawn.recipe))).latents == drawn.latents);
  const auto explained = explain(recipe);
  CHECK(explained.text.find("an oil painting of a house") != std::string::npos);

  recipe.controls = {parse_reweight("red cat=0.3"), parse_replace("park=>forest")};
  CHECK(relative_error(run("sdxl", recipe).latents[0], drawn.latents[0]) > 1e-4);
  recipe.controls = {parse_reweight("house=0.3")};
  CHECK(error_of("sdxl", recipe).find("house") != std::string::npos);

  recipe.controls = {};
  recipe.negative_prompt_2 = "blurry";
  CHECK(run("sdxl", recipe).latents != drawn.latents);
  recipe.syntax = PromptSyntax::a1111, recipe.prompt_2 = "a BREAK b BREAK c";  // more chunks than the first has
  CHECK(run("sdxl", recipe).latents.size() == 1);
}

TEST_CASE("law: an edited image keeps the second encoder's prompt") {
  auto recipe = small_recipe("sdxl", "a red cat in a park");
  recipe.prompt_2 = "an oil painting of a house", recipe.seeds = {3, 3};
  auto edit = prompt_to_prompt("a red dog in a park with snow");
  std::get<PromptToPrompt>(edit.effect).cross = 0, std::get<PromptToPrompt>(edit.effect).self = 0;
  recipe.controls = {edit};
  const auto both = run("sdxl", recipe).latents;
  recipe.controls.clear(), recipe.seeds = {3};
  CHECK(run("sdxl", recipe).latents[0] == both[0]);
  recipe.prompt = "a red dog in a park with snow";
  CHECK(run("sdxl", recipe).latents[0] == both[1]);
}

TEST_CASE("a second prompt is an error for models with one text encoder") {
  auto recipe = small_recipe("sd1", "a cat");
  recipe.negative_prompt_2 = "a dog";
  CHECK(error_of("sd1", recipe).find("negative_prompt_2") != std::string::npos);
}
