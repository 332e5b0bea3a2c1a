// A second model that ends a run: Diffusers' numbers for SDXL's refiner, and what holds whatever the two models are.
#include <algorithm>
#include <doctest/doctest.h>

#include "corepulse/host/recipe_files.h"
#include "corepulse/live_controls.h"

#include "picture_file.h"
#include "refiner_model.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** SDXL and a refiner, of a few steps. */
Recipe refined(const std::string& model = refiner_folder()) {
  Recipe recipe{.model = tiny_folder("sdxl"), .prompt = "a small red cat in a park", .width = 64, .height = 64};
  recipe.seeds = {3}, recipe.steps = 4, recipe.sampler = SamplerKind::euler;
  recipe.refiner = Refiner{model, 0.5};
  return recipe;
}

Result draw(const Recipe& recipe) {
  return run("sdxl", recipe);
}

/** The same without a refiner. */
Recipe whole(Recipe recipe) {
  recipe.refiner.reset();
  return recipe;
}

std::string refusal(const Recipe& recipe, ErrorCode code = ErrorCode::invalid_request) {
  try {
    explain(recipe);
  } catch (const Error& e) {
    CHECK(e.code() == code);
    return e.what();
  }
  return "accepted";
}

io::Json explained(const Recipe& recipe) {
  return io::parse_json(explain(recipe).json, "explanation");
}

bool any_note(const std::vector<std::string>& notes, const std::string& part) {
  return std::any_of(notes.begin(), notes.end(), [&](const auto& note) { return note.find(part) != note.npos; });
}

}  // namespace

TEST_CASE("SDXL and its refiner end in the latents of Diffusers' denoising_end and denoising_start, within 1e-3") {
  const Golden golden("refiner");
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  const PictureFile file("refiner_init.png", golden_picture(golden, "picture"));
  const auto alone = Pipeline::load({.model = refiner_folder()}, {.dtype = ComputeType::float32});
  CHECK(alone.info().family == Family::sdxl_refiner);
  int found = 0;
  for (const auto& [name, run] : runs.items()) {
    CAPTURE(name);
    Recipe recipe{.prompt = golden.metadata().at("prompt")};
    recipe.negative_prompt = run["negative"].get<std::string>();
    recipe.width = 96, recipe.height = 64, recipe.seeds = {3}, recipe.steps = run["steps"];
    recipe.guidance = run["guidance"], recipe.sampler = parse_sampler(run["sampler"].get<std::string>()).sampler;
    const bool by_itself = run["alone"].get<bool>();
    if (run["scores"].contains("aesthetic_score"))
      recipe.aesthetic_score = run["scores"]["aesthetic_score"].get<double>(),
      recipe.negative_aesthetic_score = run["scores"]["negative_aesthetic_score"].get<double>();
    const double at = run["at"];
    if (by_itself)
      recipe.init = InitPicture{.file = file.path.string(), .strength = at};
    else
      recipe.refiner = Refiner{refiner_folder(), at};
    const auto result = by_itself ? alone.generate({recipe, {}, false}) : draw(recipe);
    CHECK(relative_error(result.latents.at(0), numbers(golden, "run/" + name)) <= 1e-3);
    CHECK(result.model_calls == run["calls"][0].get<int>() + run["calls"][1].get<int>());
    ++found;
  }
  CHECK(found == 7);
}

TEST_CASE("law: a refiner that never acts is not looked at, and the run is that without it, bit for bit") {
  auto recipe = refined("no/such/model");
  recipe.refiner->switch_at = 1;
  const auto result = draw(recipe);
  CHECK(result.latents == draw(whole(recipe)).latents);
  CHECK(any_note(result.notes, "the refiner has no step"));
  CHECK(result.recipe.made_with.refiner.empty());
  CHECK(explain(recipe).text.find("refiner has no step") != std::string::npos);
}

TEST_CASE("law: the model as its own refiner changes nothing, bit for bit, whatever acts on it") {
  auto recipe = refined(tiny_folder("sdxl"));
  recipe.controls = {inject("a dragon").at("output:0").progress(0.3, 1), reweight("cat", {{0, 3}, {1, 0.2}}),
                     guidance({{0, 2}, {1, 7}}), capture("cat", "eyes"), inject("snow").steps(0, 1).enable(true)};
  recipe.prompt_2 = "an oil painting", recipe.seeds = {3, 4};
  for (const double at : {0.3, 0.5, 0.75}) {
    recipe.refiner->switch_at = at;
    const auto two = draw(recipe), one = draw(whole(recipe));
    CHECK(two.latents == one.latents);
    CHECK(two.model_calls == one.model_calls);
    REQUIRE(two.heat_maps.size() == one.heat_maps.size());
    for (size_t i = 0; i < two.heat_maps.size(); ++i) CHECK(two.heat_maps[i].values == one.heat_maps[i].values);
    CHECK(two.recipe.made_with.refiner == one.recipe.made_with.model);
  }
}

TEST_CASE("an edited image reads its own prompt in the whole run, whichever model the edit acts in") {
  auto recipe = refined(tiny_folder("sdxl"));
  recipe.prompt = "a cat in a park", recipe.seeds = {3, 3}, recipe.refiner->switch_at = 0.5;
  const auto edit = prompt_to_prompt("a dog in a park", PromptToPrompt::Method::replace);
  for (const auto& control : {edit.progress(0, 0.3), edit.progress(0.8, 1)}) {
    recipe.controls = {control};
    CHECK(draw(recipe).latents == draw(whole(recipe)).latents);
  }
  auto other = edit;
  std::get<PromptToPrompt>(other.effect).prompt = "a bird in a park";
  recipe.controls = {edit.progress(0, 0.3), other.progress(0.8, 1)};
  CHECK_THROWS_WITH_AS(draw(recipe), doctest::Contains("image 1 has another prompt by"), Error);
}

TEST_CASE("law: A1111's sampler goes on with what it knows, others begin anew") {
  for (const auto sampler : {SamplerKind::dpmpp_2m, SamplerKind::heun, SamplerKind::dpmpp_sde, SamplerKind::unipc}) {
    CAPTURE(std::string(name(sampler)));
    auto recipe = refined(tiny_folder("sdxl"));
    recipe.sampler = sampler, recipe.steps = 6, recipe.compat = Compat::a1111;
    CHECK(draw(recipe).latents == draw(whole(recipe)).latents);
    const bool remembers = sampler == SamplerKind::dpmpp_2m || sampler == SamplerKind::unipc;
    recipe.compat = Compat::diffusers;
    CHECK((draw(recipe).latents != draw(whole(recipe)).latents) == remembers);
  }
}

TEST_CASE("law: a refiner that takes all steps is the model of the run") {
  auto recipe = refined();
  recipe.refiner->switch_at = 0;
  const auto alone = Pipeline::load({.model = refiner_folder()}, {.dtype = test_dtype()});
  auto own = whole(recipe);
  own.model = refiner_folder();
  for (auto controls : {std::vector<Control>{}, std::vector{inject("a dragon").steps(1, 3), capture("cat", "eyes")}}) {
    recipe.controls = own.controls = controls;
    const auto two = draw(recipe), one = alone.generate({own, {}, false});
    CHECK(two.latents == one.latents);
    CHECK(two.heat_maps.size() == one.heat_maps.size());
  }
}

TEST_CASE("law: live edits and the recipe's edits reach both models") {
  auto recipe = refined(tiny_folder("sdxl"));
  recipe.controls = {inject("a dragon")};
  recipe.edits = {{1, {reweight("cat", 3)}}, {3, {inject("snow").steps(3, 4)}}};
  CHECK(draw(recipe).latents == draw(whole(recipe)).latents);
  const auto live_run = [&](const Recipe& of) {
    Request request{of, {}, false};
    request.live = std::make_shared<LiveControls>();
    request.progress = [&](const Progress& at) {
      if (at.step < 3) request.live->set({inject(at.step == 1 ? "a ship" : "the sea")});
      return true;
    };
    return tiny("sdxl").generate(request);
  };
  const auto two = live_run(recipe), one = live_run(whole(recipe));
  CHECK(two.latents == one.latents);
  CHECK(two.recipe.edits == one.recipe.edits);
}

TEST_CASE("a picture's recipe repeats the run, and names the refiner that drew it") {
  auto recipe = refined();
  recipe.controls = {inject("a dragon").progress(0.7, 1)};
  recipe.aesthetic_score = 3;
  const auto result = draw(recipe);
  CHECK(result.recipe.refiner == recipe.refiner);
  CHECK(result.recipe.made_with.refiner.size() == 64);
  CHECK(result.recipe.made_with.refiner != result.recipe.made_with.model);
  CHECK(draw(recipe_from_json(to_json(result.recipe))).latents == result.latents);
  recipe.aesthetic_score.reset();
  CHECK(draw(recipe).latents != result.latents);
}

TEST_CASE("windows are those of the whole run; explain shows who acts on which model") {
  auto recipe = refined();
  recipe.controls = {inject("a dragon").steps(0, 1), inject("snow").progress(0.9, 1), reweight("cat", 2)};
  const auto told = explained(recipe);
  CHECK(told["calls"].size() == 2);
  CHECK(told["refiner"]["step"] == 2);
  CHECK(told["refiner"]["family"] == "sdxl_refiner");
  const auto& program = told["refiner"]["program"];
  CHECK(program["calls"].size() == 2);
  CHECK(told["controls"][0]["state"] == "acts");
  CHECK(told["controls"][1]["state"] == "disabled");
  CHECK(told["controls"][2]["state"] == "acts");
  CHECK(program["controls"][0]["state"] == "disabled");
  CHECK(program["controls"][1]["state"] == "acts");
  CHECK(program["controls"][2]["state"] == "acts");
  const auto result = draw(recipe);
  for (const auto& control : result.recipe.controls) CHECK(control.enabled);
  for (const size_t i : {0, 1, 2}) {
    auto less = recipe;
    less.controls.erase(less.controls.begin() + static_cast<std::ptrdiff_t>(i));
    CHECK(draw(less).latents != result.latents);
  }
}

TEST_CASE("a control at layers that one of the models lacks acts on the other, and explain says so") {
  auto recipe = refined();  // the model has blocks 0..2, the refiner attends in 1 and 2 of 0..3, with two layers less
  recipe.controls = {inject("a dragon").at("input:2.0#2")};
  CHECK(explain(recipe).text.find("not in the refiner: it acts before the refiner alone") != std::string::npos);
  CHECK(draw(recipe).latents != draw(refined()).latents);
  recipe.controls = {inject("a dragon").at("down_blocks.1.attentions.0.transformer_blocks.0.attn2")};
  CHECK(explained(recipe)["refiner"]["program"]["controls"][0]["state"] == "acts");
  recipe.controls = {inject("a dragon").at("no such block")};
  CHECK(refusal(recipe).find("no such block") != std::string::npos);
  recipe.controls = {inject("a dragon").at("input:2.0#2").steps(3, 4)};
  CHECK(refusal(recipe).find("refiner's") != std::string::npos);
}

TEST_CASE("compat comfy counts steps, A1111 calls, and recordings are the model's alone") {
  auto recipe = refined();
  recipe.steps = 10, recipe.schedule = ScheduleKind::karras, recipe.refiner->switch_at = 0.8;
  recipe.compat = Compat::comfy;
  CHECK(explained(recipe)["refiner"]["step"] == 8);
  recipe.compat = Compat::diffusers;
  CHECK(explained(recipe)["refiner"]["step"] != 8);  // Karras' steps are not even in time
  recipe = refined(), recipe.controls = {record("run")};
  const auto result = draw(recipe);
  CHECK(result.recordings.size() == 1);
}

TEST_CASE("of two passes the refiner ends the second") {
  auto recipe = refined(tiny_folder("sdxl"));
  recipe.second_pass = SecondPass{.scale = 1.25, .strength = 0.9, .steps = 4};
  recipe.controls = {inject("a dragon").progress(0.6, 1)};
  const auto told = explained(recipe);
  CHECK_FALSE(told.contains("refiner"));
  CHECK(told["second_pass"].contains("refiner"));
  CHECK(draw(recipe).latents == draw(whole(recipe)).latents);
  recipe.refiner->model = refiner_folder();
  CHECK(draw(recipe).latents != draw(whole(recipe)).latents);
}

TEST_CASE("a run from a picture, and one that repaints a part, are ended by a refiner, too") {
  Image image{64, 64, std::vector<uint8_t>(size_t{3} * 64 * 64, 90), {}};
  const PictureFile file("refined_init.png", image);
  for (const auto& model : {tiny_folder("sdxl"), refiner_folder()}) {
    auto recipe = refined(model);
    recipe.init = InitPicture{.file = file.path.string(), .strength = 0.8, .exact_steps = true};
    recipe.init->mask = rectangle(0, 0, 0.5, 1);
    CHECK((draw(recipe).latents == draw(whole(recipe)).latents) == (model != refiner_folder()));
    recipe.init->strength = 0.3;  // below the switch from the first step on
    CHECK(explained(recipe)["calls"].empty());
    CHECK((draw(recipe).latents == draw(whole(recipe)).latents) == (model != refiner_folder()));
  }
}

TEST_CASE("what no refiner can be is refused by name") {
  auto recipe = refined("");
  CHECK(refusal(recipe).find("[refiner.model] no model is named") == 0);
  recipe = refined(), recipe.refiner->switch_at = 1.5;
  CHECK(refusal(recipe).find("[refiner.switch_at] 1.5") == 0);
  CHECK(refusal(refined("no/such/model"), ErrorCode::not_found).find("no/such/model") != std::string::npos);
  CHECK(refusal(refined(tiny_folder("sd1")), ErrorCode::unsupported_model).find("latents are not those of") !=
        std::string::npos);
  recipe = whole(refined()), recipe.aesthetic_score = 4;
  CHECK(refusal(recipe).find("aesthetic_score is what SDXL's refiner is told") != std::string::npos);
  recipe = refined(), recipe.aesthetic_score = 11;
  CHECK(refusal(recipe).find("aesthetic_score is 11") != std::string::npos);
}

TEST_CASE("a refiner's file is named as seen from another folder, and asked for once") {
  const auto recipe = refined("models/refiner.safetensors");
  CHECK(recipe_from_folder(recipe, "/elsewhere").refiner->model == "/elsewhere/models/refiner.safetensors");
  std::vector<std::string> asked;
  with_file_names(whole(refined(refiner_folder())), [&](const auto& name) { return asked.emplace_back(name); });
  const auto others = asked.size();
  const auto named = with_file_names(recipe, [&](const auto& name) { return asked.emplace_back(name) + "x"; });
  CHECK(asked.size() == 2 * others + 1);
  CHECK(named.refiner->model == "models/refiner.safetensorsx");
}

TEST_CASE("law: a refiner that a run does not ask for leaves its bits alone, before and behind") {
  const auto model = Pipeline::load({.model = tiny_folder("sdxl")}, {.dtype = test_dtype()});
  const auto latents = [&](const Recipe& recipe) { return model.generate({recipe, {}, false}).latents; };
  const auto plain = latents(whole(refined())), two = latents(refined());
  CHECK(latents(whole(refined())) == plain);
  CHECK(latents(refined(tiny_folder("sdxl"))) == plain);  // another refiner in its place
  CHECK(latents(refined()) == two);
}

TEST_CASE("a forecast counts both models") {
  const auto more = tiny("sdxl").estimate({refined(), {}, false}),
             one = tiny("sdxl").estimate({whole(refined()), {}, false});
  CHECK(more.model_calls == one.model_calls);
  CHECK(more.bytes > one.bytes);
}
