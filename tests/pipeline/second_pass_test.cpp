// Two passes: Diffusers' and torch's numbers, and what they promise beside them.
#include "pipeline/init/second_pass.h"

#include <doctest/doctest.h>
#include <set>

#include "engine/engine.h"
#include "picture_file.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** A short run of a small model and a second pass. */
Recipe two_passes() {
  Recipe recipe{.model = tiny_folder("small"), .prompt = "a red cat in a park", .width = 64, .height = 64};
  recipe.seeds = {3}, recipe.steps = 3;
  recipe.second_pass = SecondPass{.scale = 1.5, .strength = 0.7, .steps = 4};
  return recipe;
}

Upscale upscale_of(const std::string& name) {
  return recipe_from_json(R"({"version": 1, "second_pass": {"upscale": ")" + name + "\"}}").second_pass->upscale;
}

std::string refusal(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "accepted";
}

std::string refusal(void (*change)(SecondPass&)) {
  auto recipe = two_passes();
  change(*recipe.second_pass);
  return refusal(recipe);
}

io::Json explained(const Recipe& recipe) {
  return io::parse_json(explain(recipe).json, "explanation");
}

}  // namespace

TEST_CASE("latents come to another size as torch's interpolate brings them there") {
  const Golden golden("second_pass");
  const auto shape = golden.view("latents").shape;
  const auto source = numbers(golden, "latents");
  for (const auto* how : {"latent-nearest", "latent-nearest-exact", "latent-bilinear", "latent-bicubic"})
    for (const auto& size : {std::pair{9, 12}, {12, 16}, {5, 4}, {6, 13}}) {
      const int height = size.first, width = size.second;
      const auto name = std::string(how) + "/" + std::to_string(height) + "x" + std::to_string(width);
      CAPTURE(name);
      const auto resized = engine::Engine::instance().run([&] {
        const mx::array latents(source.begin(), {2, 4, 6, 8}, mx::float32);
        const auto nchw = mx::contiguous(mx::transpose(
            pipeline::resize_latents(mx::transpose(latents, {0, 2, 3, 1}), upscale_of(how), height, width),
            {0, 3, 1, 2}));
        mx::eval(nchw);
        return std::vector<float>(nchw.data<float>(), nchw.data<float>() + nchw.size());
      });
      CHECK(relative_error(resized, numbers(golden, name)) <= 1e-6);
    }
}

TEST_CASE("two passes end in the latents of Diffusers' text-to-image, then image-to-image, within 1e-3") {
  const Golden golden("second_pass");
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  int found = 0;
  for (const auto& [name, run] : runs.items()) {
    CAPTURE(name);
    Recipe recipe{.model = tiny_folder(run["family"]), .prompt = golden.metadata().at("prompt")};
    recipe.width = 96, recipe.height = 64, recipe.steps = 4, recipe.guidance = 5, recipe.seeds = {3};
    recipe.sampler = SamplerKind::euler;
    SecondPass pass{.width = run["width"], .height = run["height"], .upscale = upscale_of(run["upscale"])};
    pass.strength = run["strength"], pass.steps = run["steps"], pass.guidance = run["guidance"].get<double>();
    pass.sampler = parse_sampler(run["sampler"].get<std::string>()).sampler;
    recipe.second_pass = pass;
    const auto result = test::run(run["family"], recipe);
    CHECK(relative_error(result.latents.at(0), numbers(golden, "run/" + name)) <= 1e-3);
    CHECK(result.model_calls == 4 + run["calls"].get<int>());
    ++found;
  }
  CHECK(found == 4);
}

TEST_CASE("law: two passes are a run, and a run from its picture enlarged, bit for bit") {
  auto recipe = two_passes();
  recipe.controls = {inject("a dragon").within(rectangle(0, 0, 0.5, 1)), reweight("cat", 3).steps(0, 1)};
  const auto both = run("small", recipe, true);
  CHECK(both.images.at(0).width == 96);
  auto first = recipe;
  first.second_pass.reset();
  const PictureFile picture("second_pass.png", run("small", first, true).images.at(0));
  first.width = first.height = 96, first.steps = 4;
  first.init = InitPicture{.file = picture.path.string(), .strength = 0.7, .fit = Fit::stretch};
  const auto second = run("small", first, true);
  CHECK(both.latents == second.latents);
  CHECK(both.images.at(0).pixels == second.images.at(0).pixels);
  CHECK(both.model_calls == 3 + second.model_calls);
}

TEST_CASE("law: whatever filter enlarges the picture, it is the same run from that picture, bit for bit") {
  auto recipe = two_passes();
  recipe.second_pass->steps = 2;
  auto first = recipe;
  first.second_pass.reset();
  const PictureFile picture("second_pass_filters.png", run("small", first, true).images.at(0));
  first.width = first.height = 96, first.steps = 2;
  std::set<std::vector<float>> drawn;
  for (const auto& [upscale, filter] : {std::pair{Upscale::lanczos, Resample::lanczos},
                                        {Upscale::nearest, Resample::nearest},
                                        {Upscale::bilinear, Resample::bilinear},
                                        {Upscale::bicubic, Resample::bicubic}}) {
    recipe.second_pass->upscale = upscale;
    const auto both = run("small", recipe).latents;
    first.init = InitPicture{.file = picture.path.string(), .strength = 0.7, .fit = Fit::stretch, .resample = filter};
    CHECK(both == run("small", first).latents);
    drawn.insert(both.at(0));
  }
  CHECK(drawn.size() == 4);
}

TEST_CASE("law: a region in pixels of the first pass is the same part of the second one's picture") {
  auto recipe = two_passes();
  const double half = recipe.width / 2.0, height = recipe.height;
  recipe.controls = {inject("a dragon").within(rectangle(0, 0, half, height).pixels())};
  const auto pixels = run("small", recipe).latents;
  recipe.controls = {inject("a dragon").within(rectangle(0, 0, 0.5, 1))};
  CHECK(relative_error(pixels.at(0), run("small", recipe).latents.at(0)) <= 1e-5);
}

TEST_CASE("law: another prompt in all layers and steps of both passes is that prompt, bit for bit") {
  auto recipe = two_passes();
  recipe.second_pass->upscale = Upscale::latent_bicubic;
  recipe.controls = {inject("a dragon on the beach")};
  const auto injected = run("small", recipe).latents;
  recipe.controls = {}, recipe.prompt = "a dragon on the beach";
  CHECK(run("small", recipe).latents == injected);
}

TEST_CASE("law: a picture of a batch is the picture alone, through two passes") {
  for (const auto upscale : {Upscale::lanczos, Upscale::latent_bilinear}) {
    auto recipe = two_passes();
    recipe.second_pass->upscale = upscale;
    recipe.seeds = {5, 6};
    const auto both = run("small", recipe).latents;
    recipe.seeds = {6};
    CHECK(run("small", recipe).latents.at(0) == both.at(1));
  }
}

TEST_CASE("each pass has its own windows and curves, and controls of its own where it says so") {
  auto recipe = two_passes();
  recipe.controls = {inject("a dragon").steps(0, 1), inject("snow").progress(1, 1)};
  const auto told = explained(recipe);
  const auto& second = told["second_pass"]["program"];
  CHECK(told["calls"].size() == 3);
  CHECK(second["calls"].size() == 2);  // int(4 * 0.7)
  CHECK(told["second_pass"]["steps"] == 2);
  CHECK(told["second_pass"]["of"] == 4);
  CHECK(second["width"] == 96);
  CHECK(told["controls"][0]["calls"].dump() == "[0]");
  CHECK(told["controls"][1]["calls"].dump() == "[2]");
  CHECK(second["controls"][0]["calls"].dump() == "[0]");
  CHECK(second["controls"][1]["calls"].dump() == "[1]");
  recipe.second_pass->controls = {{inject("fog")}};
  const auto own = explained(recipe)["second_pass"]["program"]["controls"];
  CHECK(own.size() == 1);
  CHECK(own[0]["title"].get<std::string>().find("fog") != std::string::npos);
  const auto drawn = run("small", recipe).latents;
  recipe.second_pass->controls = std::vector<Control>{};
  CHECK(relative_error(run("small", recipe).latents.at(0), drawn.at(0)) > 1e-3);
}

TEST_CASE("a control without a moment in the second pass acts in the first, and a note says so") {
  auto recipe = two_passes();
  recipe.controls = {inject("a dragon").steps(2, 3)};
  const auto result = run("small", recipe);
  bool noted = false;
  for (const auto& note : result.notes) noted |= note.find("has no moment in the second pass") != std::string::npos;
  CHECK(noted);
  auto explicitly = recipe;
  explicitly.second_pass->controls = std::vector<Control>{};
  CHECK(run("small", explicitly).latents == result.latents);
  recipe.second_pass->controls = recipe.controls;
  CHECK(refusal(recipe).find("[second_pass.controls[0].when]") == 0);
}

TEST_CASE("progress counts the steps of each pass, and a run may be stopped in the second") {
  Request request{.recipe = two_passes()};
  std::vector<std::string> seen;
  request.progress = [&](const Progress& at) {
    seen.push_back(std::to_string(at.pass) + "/" + std::to_string(at.passes) + ":" + std::to_string(at.step) + "/" +
                   std::to_string(at.steps));
    return true;
  };
  request.decode = false;
  tiny("small").generate(request);
  CHECK(seen == std::vector<std::string>{"1/2:1/3", "1/2:2/3", "1/2:3/3", "2/2:1/2", "2/2:2/2"});
  request.progress = [&](const Progress& at) { return at.pass == 1; };
  try {
    tiny("small").generate(request);
    FAIL("not stopped");
  } catch (const Error& error) {
    CHECK(error.code() == ErrorCode::cancelled);
  }
}

TEST_CASE("an estimate knows both passes' calls and the larger one's memory") {
  auto recipe = two_passes();
  recipe.second_pass->scale = 4;
  const auto both = tiny("small").estimate({recipe});
  CHECK(both.model_calls == 5);
  auto small = recipe, large = recipe;
  small.second_pass.reset(), large.second_pass.reset();
  large.width = large.height = 256;
  CHECK(both.bytes >= tiny("small").estimate({large}).bytes);
  CHECK(both.bytes > tiny("small").estimate({small}).bytes);
}

TEST_CASE("a finished recipe says what the second pass was, and repeats itself") {
  auto recipe = two_passes();
  recipe.second_pass->controls = {{inject("a dragon").within(circle(0.5, 0.5, 0.3))}};
  const auto result = run("small", recipe, true);
  const auto& pass = *result.recipe.second_pass;
  CHECK(result.recipe.width == 64);
  CHECK(pass.width == 96);
  CHECK(pass.height == 96);
  CHECK_FALSE(pass.scale);
  CHECK(pass.sampler == result.recipe.sampler);
  const auto again = recipe_from_json(to_json(result.recipe));
  CHECK(again == result.recipe);
  CHECK(run("small", again).latents == result.latents);
  const auto text = image_text(result, 0).at("parameters");
  CHECK(text.find("Size: 64x64, Denoising strength: 0.7, Hires resize: 96x96, Hires steps: 4, Hires upscaler: "
                  "Lanczos") != std::string::npos);
}

TEST_CASE("captures of both passes see the second, those of one pass their own") {
  auto recipe = two_passes();
  recipe.controls = {capture("cat")};
  const auto seen = [](const Recipe& r) {
    std::vector<std::pair<std::string, int>> maps;
    for (const auto& map : run("small", r).heat_maps) maps.emplace_back(map.name, map.width);
    return maps;
  };
  using Maps = std::vector<std::pair<std::string, int>>;
  CHECK(seen(recipe) == Maps{{"cat", 12}});
  recipe.second_pass->controls = {{capture("park")}};
  CHECK(seen(recipe) == Maps{{"cat", 8}, {"park", 12}});
}

TEST_CASE("a second pass's sampler may name its schedule, too") {
  const auto pass = [](const std::string& fields) {
    return *recipe_from_json(R"({"version": 1, "second_pass": {)" + fields + "}}").second_pass;
  };
  CHECK(pass(R"("sampler": "DPM++ 2M Karras")").schedule == ScheduleKind::karras);
  CHECK(pass(R"("sampler": "DPM++ 2M Karras", "schedule": "simple")").schedule == ScheduleKind::simple);
  CHECK_FALSE(pass(R"("sampler": "heun")").schedule);
}

TEST_CASE("A1111's second pass runs all of its steps") {
  auto recipe = two_passes();
  recipe.compat = Compat::a1111;
  CHECK(explained(recipe)["second_pass"]["steps"] == 4);
}

TEST_CASE("an inpainting model draws all of the second pass") {
  auto recipe = two_passes();
  recipe.model = tiny_folder("inpaint");
  CHECK(run("inpaint", recipe).latents.at(0).size() == 4 * 12 * 12);
}

TEST_CASE("what is wrong with a second pass is said before weights are read") {
  CHECK(refusal([](SecondPass& p) { p.scale = 0; }) == "[second_pass.scale] 0; expected 0.1 to 16");
  CHECK(refusal([](SecondPass& p) { p.scale = NAN; }) == "[second_pass.scale] nan; expected 0.1 to 16");
  CHECK(refusal([](SecondPass& p) { p.width = 96; }) ==
        "[second_pass.scale] a size is given, too; expected one of them");
  CHECK(refusal([](SecondPass& p) { p.scale.reset(), p.width = 100; }).find("[second_pass] width is 100; expected") ==
        0);
  CHECK(refusal([](SecondPass& p) { p.scale.reset(), p.height = -8; }).find("[second_pass] height is -8; expected") ==
        0);
  CHECK(refusal([](SecondPass& p) { p.strength = 1.5; }) == "[second_pass.strength] 1.5; expected more than 0, to 1");
  CHECK(refusal([](SecondPass& p) { p.strength = 0.1; }).find("[second_pass.strength] 0.1 of 4 steps is none") == 0);
  CHECK(refusal([](SecondPass& p) { p.steps = 1001; }).find("[second_pass] steps is 1001; expected") == 0);
  CHECK(refusal([](SecondPass& p) { p.guidance = -1; }).find("[second_pass] guidance is -1; expected") == 0);
  CHECK(refusal([](SecondPass& p) {
          p.controls = {{inject("x").at("middle:7")}};
        }).find("[second_pass.controls[0].where]") == 0);
}
