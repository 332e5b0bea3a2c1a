// LoRA: weights that a file changes, in layers and windows, merged for the calls that need them.
#include <algorithm>
#include <doctest/doctest.h>

#include "corepulse/live_controls.h"
#include "corepulse/shorthand.h"

#include "adapters/adapter.h"
#include "lora_file.h"
#include "model_copy.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using Controls = std::vector<Control>;

Recipe short_run(const std::string& family = "sd1", int steps = 4) {
  auto recipe = golden_recipe(family);
  recipe.width = 96, recipe.height = 64, recipe.steps = steps, recipe.sampler = SamplerKind::euler;
  return recipe;
}

Result with(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return run(family, recipe);
}

std::string refused(const std::string& family, Recipe recipe, Controls controls) {
  recipe.controls = std::move(controls);
  return refusal([&] { run(family, recipe); });
}

double moved(const Result& a, const Result& b) {
  return relative_error(a.latents[0], b.latents[0]);
}

}  // namespace

TEST_CASE("merged LoRAs end in the latents that Diffusers' fuse_lora gives") {
  constexpr double kTolerance = 1e-4;  // they move them by 0.016 to 0.3, where sdxl makes rounding errors larger, too
  const Golden golden("lora");
  double largest = 0;
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    auto recipe = golden_recipe(family);
    recipe.width = 192, recipe.height = 128, recipe.steps = 10, recipe.guidance = 5, recipe.negative_prompt.clear();
    const auto file = lora(golden_folder() + "/lora_" + family + ".safetensors", 0.8);
    const auto unet_alone = file.at("all");
    const std::map<std::string, Controls> runs{{"plain", {}},
                                               {"whole", {file}},
                                               {"turned", {file.strength(-0.5)}},
                                               {"down", {file.at("composition")}},
                                               {"window", {unet_alone.steps(0, 4)}}};
    for (const auto& [name, controls] : runs) {
      CAPTURE(name);
      const double error = relative_error(with(family, recipe, controls).latents[0],
                                          numbers(golden, family + "/" + name + "/latents/9"));
      CHECK(error <= kTolerance);
      largest = std::max(largest, error);
    }
  }
  MESSAGE("largest relative error ", largest);
}

TEST_CASE("law: a LoRA of strength 0, switched off or taken away is the plain run, bit for bit") {
  for (const std::string family : {"sd1", "sdxl"}) {
    CAPTURE(family);
    const LoraFile file(family, "", 1, true);
    const auto recipe = short_run(family);
    const auto plain = run(family, recipe);
    CHECK(moved(with(family, recipe, {lora(file.path())}), plain) > 1e-3);
    CHECK(run(family, recipe).latents == plain.latents);
    CHECK(with(family, recipe, {lora(file.path(), 0)}).latents == plain.latents);
    CHECK(with(family, recipe, {lora(file.path()).enable(false)}).latents == plain.latents);
    const auto notes = with(family, recipe, {lora(file.path(), 0)}).notes;
    CHECK(
        std::any_of(notes.begin(), notes.end(), [](const auto& note) { return note.ends_with("its strength is 0"); }));
  }
}

TEST_CASE("law: windows of LoRAs that meet are one, and outside of them the weights are the model's") {
  const LoraFile file("sd1", "", 1, true);
  const auto recipe = short_run();
  const auto one = lora(file.path(), 0.8);
  const auto whole = with("sd1", recipe, {one}), early = with("sd1", recipe, {one.steps(0, 2)});
  CHECK(with("sd1", recipe, {one.steps(0, 2), one.steps(2, 4)}).latents == whole.latents);
  CHECK(with("sd1", recipe, {one.strength({{0, 0.8}, {0.5, 0.8}, {0.5, 0}})}).latents == early.latents);
  CHECK(moved(early, whole) > 1e-4);
  CHECK(with("sd1", recipe, {one, one.strength(-0.8).steps(2, 4)}).latents != whole.latents);
}

TEST_CASE("law: a merged LoRA is a model whose file holds the merged weights, bit for bit") {
  const LoraFile file("sd1", "attn", 2);
  const ModelCopy copy("sd1");
  const auto unet = fs::path(copy.path()) / "unet/diffusion_pytorch_model.safetensors";
  {
    auto stored = io::open_safetensors(unet);
    adapters::Shapes shapes;
    for (const auto& [name, view] : stored.tensors) shapes["unet"][name] = view.shape;
    std::vector<mx::array> kept;
    const auto adapter = adapters::read(file.path(), shapes);
    for (const auto& [name, delta] : adapter.deltas.at("unet")) {
      auto& view = stored.tensors.at(name);
      const auto x = nn::to_array(view, {view.shape.begin(), view.shape.end()}, mx::float32);
      kept.push_back(mx::contiguous(x + delta->difference(x, 0.7f)));
      kept.back().eval();
      view = {io::StoredType::f32, view.shape, kept.back().data<std::byte>(), kept.back().nbytes(), false, nullptr};
    }
    io::write_safetensors(unet.string() + ".new", stored.tensors);
  }
  fs::rename(unet.string() + ".new", unet);
  auto recipe = short_run();
  const auto merged = with("sd1", recipe, {lora(file.path(), 0.7)});
  recipe.model = copy.path();
  const auto pipeline = Pipeline::load({.model = copy.path()}, {.dtype = test_dtype()});
  CHECK(pipeline.generate({recipe, {}, false}).latents == merged.latents);
}

TEST_CASE("LoRAs add up, whatever their order in windows of others") {
  const LoraFile a("sd1", "attn1", 1), b("sd1", "attn2", 2);
  const auto recipe = short_run();
  const auto both = with("sd1", recipe, {lora(a.path(), 0.8), lora(b.path(), -0.4)});
  CHECK(with("sd1", recipe, {lora(b.path(), -0.4), lora(a.path(), 0.8)}).latents == both.latents);  // other layers
  CHECK(relative_error(with("sd1", recipe, {lora(a.path(), 0.3), lora(a.path(), 0.5), lora(b.path(), -0.4)}).latents[0],
                       both.latents[0]) <= 1e-5);
}

TEST_CASE("where means layers of every sort, and leaves the text encoders alone") {
  const LoraFile file("sd1", "", 3, true), attention("sd1", "attn", 3), texts("sd1", "nothing is called so", 3, true);
  const auto recipe = short_run();
  const auto plain = run("sd1", recipe), whole = with("sd1", recipe, {lora(file.path())});
  const auto everywhere = with("sd1", recipe, {lora(file.path()).at("all")});
  CHECK(moved(everywhere, whole) > 1e-5);
  auto unet_alone = lora(file.path());
  std::get<Lora>(unet_alone.effect).text_strength = 0;
  CHECK(with("sd1", recipe, {unet_alone}).latents == everywhere.latents);
  auto all = lora(file.path()).at("all");
  std::get<Lora>(all.effect).text_strength = 1;
  CHECK(with("sd1", recipe, {all}).latents == whole.latents);
  CHECK(with("sd1", recipe, {lora(file.path()).at("middle:0, style")}).latents != everywhere.latents);
  CHECK(with("sd1", recipe,
             {lora(file.path()).at("composition"), lora(file.path()).at("content, style"),
              lora(file.path()).at("time_embedding")})
            .latents == everywhere.latents);
  CHECK(moved(with("sd1", recipe, {lora(texts.path())}), plain) > 1e-5);
  const auto nowhere = refused("sd1", recipe, {lora(attention.path()).at("time_embedding")});
  CHECK(has(nowhere, {"invalid_request: [controls[0].where] the file changes no layer there; it changes input:0"}));
  CHECK(has(refused("sd1", recipe, {lora(texts.path()).at("all")}), {"it changes only text encoders"}));
  CHECK(has(refused("sd1", recipe, {lora(file.path()).at("output:9")}), {"[controls[0].where] \"output:9\""}));
}

TEST_CASE("a LoRA that cannot be is refused") {
  const LoraFile file("sd1", "attn", 1);
  const auto recipe = short_run();
  CHECK(has(refused("sd1", recipe, {lora("/no/such/file")}), {"not_found: [controls[0].file]", "/no/such/file"}));
  CHECK(has(refused("sd1", recipe, {lora("")}), {"[controls[0].file] no name"}));
  CHECK(has(refused("sd1", recipe, {lora(file.path(), NAN)}), {"[controls[0].strength]"}));
  CHECK(has(refused("sdxl", short_run("sdxl"), {lora(file.path())}), {"[controls[0].file]"}));
}

TEST_CASE("a finished picture's recipe knows the file by its digest") {
  const LoraFile file("sd1", "attn", 1), other("sd1", "attn", 2);
  auto recipe = short_run();
  const auto made = with("sd1", recipe, {lora(file.path(), 0.8)});
  const auto& kept = std::get<Lora>(made.recipe.controls.at(0).effect);
  CHECK(kept.sha256.size() == 64);
  CHECK(run("sd1", recipe_from_json(to_json(made.recipe))).latents == made.latents);
  fs::copy_file(other.path(), file.path(), fs::copy_options::overwrite_existing);
  CHECK(has(refusal([&] { run("sd1", made.recipe); }), {"bad_file: [controls[0].file]", "is not the file"}));
}

TEST_CASE("a LoRA is found by its name in the folder of LoRAs, from a prompt of A1111's, too") {
  const LoraFile file("sd1", "attn", 1, true);
  auto recipe = short_run();
  const auto made = with("sd1", recipe, {lora(file.path(), 0.8)});
  recipe.loras = file.folder();
  const auto named = with("sd1", recipe, {lora("style", 0.8)});
  CHECK(named.latents == made.latents);
  CHECK(named.recipe.loras.empty());
  CHECK(std::get<Lora>(named.recipe.controls[0].effect).file == file.path());
  CHECK(has(refused("sd1", recipe, {lora("stile")}), {"not_found: [controls[0].file]", "did you mean style?"}));

  const auto words = recipe.prompt;
  recipe.syntax = PromptSyntax::a1111;
  const auto plain = with("sd1", recipe, {lora("style", 0.8)});
  recipe.prompt = words + "<lora:style:0.8>";
  const auto tagged = run("sd1", recipe);
  CHECK(tagged.latents == plain.latents);
  CHECK(tagged.recipe.prompt == words);
  recipe.prompt = words + "<lora:style:0:0.8>";
  auto unet_alone = lora("style", 0.8);
  std::get<Lora>(unet_alone.effect).text_strength = 0;
  auto untagged = recipe;
  untagged.prompt = words;
  CHECK(run("sd1", recipe).latents == with("sd1", untagged, {unet_alone}).latents);
  recipe.prompt = words + "<lora:style:0.8:te=0>";  // te is the UNet's, too, where nothing else is said
  CHECK(run("sd1", recipe).latents == run("sd1", untagged).latents);
  recipe.prompt = words + "<lora:style:0.5:0.8:lbw=OUTALL>";
  auto by_block = lora("style", 0.8);
  std::get<Lora>(by_block.effect).text_strength = 0.5;
  std::get<Lora>(by_block.effect).blocks = {1, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1};
  const auto outputs = run("sd1", recipe);
  CHECK(outputs.latents == with("sd1", untagged, {by_block}).latents);
  recipe.prompt = words + "<lora:style:0.5:0.8:lbw=1,0,0,0,0,0,0,0,1,1,1,1,1,1,1,1,1>";
  CHECK(run("sd1", recipe).latents == outputs.latents);
  for (const auto* wrong : {"<lora:style:much>", "<lora:style:1:1:1>", "<lora:style:lbw=1>", "<lora:style:1:lbw=1,2,R>",
                            "<lora:style:1:lbw=FACE>", "<lora:style:1:stop=10>", "<lora::1>"}) {
    recipe.prompt = wrong;
    CHECK(has(refusal([&] { run("sd1", recipe); }), {"invalid_request: [prompt]"}));
  }
  recipe.prompt = "<lora:style:1>", recipe.loras.clear();
  CHECK(has(refusal([&] { run("sd1", recipe); }), {"[prompt]", "--loras FOLDER"}));
}

TEST_CASE("a LoRA that a tag of the prompt names counts for what the model was distilled to") {
  const Folder folder;
  const LoraFile file("sd1", "attn1.to_q", 1);
  fs::copy_file(file.path(), folder / "hyper_8steps.safetensors");
  auto recipe = with_few_steps(short_run(), FewSteps::hyper);
  recipe.syntax = PromptSyntax::a1111, recipe.loras = folder.path().string(), recipe.steps = 2;
  recipe.prompt = "a cat <lora:hyper_8steps:1>";
  const auto notes = run("sd1", recipe).notes;
  const auto noted = [&](const std::string& text) {
    return std::any_of(notes.begin(), notes.end(), [&](const auto& n) { return n.find(text) != n.npos; });
  };
  CHECK(noted("says 8 steps, and the run has 2"));
  CHECK_FALSE(noted("no name of the model or of a LoRA"));
}

TEST_CASE("a curve of the text encoders' strength alone is as many models as it has strengths, and the same latents") {
  const LoraFile file("sd1", "attn", 1, true);
  auto curve = lora(file.path(), 0.8);
  std::get<Lora>(curve.effect).text_strength = Curve{{0, 0}, {1, 0.9}};
  const auto smooth = with("sd1", short_run(), {curve});
  Controls steps;
  for (int i = 0; i < 4; ++i) {
    auto step = lora(file.path(), 0.8).steps(i, i + 1);
    std::get<Lora>(step.effect).text_strength = 0.9 * (i / 3.0);
    steps.push_back(step);
  }
  CHECK(moved(smooth, with("sd1", short_run(), steps)) <= 1e-5);
  auto constant = lora(file.path(), 0.8);
  std::get<Lora>(constant.effect).text_strength = 0.9;
  CHECK(moved(smooth, with("sd1", short_run(), {constant})) > 1e-4);
}

TEST_CASE("numbers of a file that are not finite are a bad file, though they are read in the midst of the run") {
  const LoraFile file("sd1", "attn1.to_q", 1);
  const Folder folder;
  auto bytes = get(file.path());
  for (size_t i = bytes.size() - 4; i < bytes.size(); ++i) bytes[i] = static_cast<char>(0x7f);
  bytes[bytes.size() - 2] = static_cast<char>(0xc0);  // a NaN of float32
  put(folder / "nan.safetensors", bytes);
  CHECK(has(refused("sd1", short_run(), {lora((folder / "nan.safetensors").string())}),
            {"bad_file: ", "nan.safetensors", "not finite"}));
}

TEST_CASE(
    "strengths that change with every step merge for every step where no product is cheaper, and explain says so") {
  const LoraFile file("sd1", "attn", 1, false, LoraFile::Kind::difference);
  auto recipe = short_run();
  const Curve rising{{0, 0}, {1, 1}};
  const auto smooth = with("sd1", recipe, {lora(file.path(), rising)});
  Controls steps;
  for (int i = 1; i < 4; ++i) steps.push_back(lora(file.path(), i / 3.0).steps(i, i + 1));
  CHECK(with("sd1", recipe, steps).latents == smooth.latents);
  recipe.controls = {lora(file.path(), rising).at("middle:0, output:1")};
  const auto told = explain(recipe);
  CHECK(told.text.find("acts on 3 of 4 steps (1..3)") != told.text.npos);
  CHECK(told.text.find("middle:0 (") != told.text.npos);
  CHECK(told.text.find("merged into the weights 3 times, in steps 1..3") != told.text.npos);
  const auto json = io::parse_json(told.json, "explanation");
  CHECK(json["controls"][0]["calls"] == io::Json({1, 2, 3}));
  for (const std::string layer : json["controls"][0]["layers"]) CHECK(layer.find("attn") != layer.npos);
  const auto plain = tiny("sd1").estimate({short_run(), {}, false}).bytes;
  CHECK(tiny("sd1").estimate({recipe, {}, false}).bytes > plain);
}

TEST_CASE("a LoRA may come and go while a run goes on") {
  const LoraFile file("sd1", "", 1, true);
  Request request{.recipe = short_run(), .decode = false};
  request.live = std::make_shared<LiveControls>();
  request.progress = [&](const Progress& at) {
    if (at.step == 1) request.live->set({lora(file.path(), 0.8), inject("a dragon").at("middle:0")});
    if (at.step == 3) request.live->set({});
    return true;
  };
  const auto live = tiny("sd1").generate(request);
  CHECK(live.latents ==
        with("sd1", short_run(), {lora(file.path(), 0.8).steps(1, 3), inject("a dragon").at("middle:0").steps(1, 3)})
            .latents);
  CHECK(run("sd1", live.recipe).latents == live.latents);
}

TEST_CASE("LoRAs change weights in 8-bit integers, and leave the plain ones as they were") {
  const LoraFile file("sd1", "", 1, true);
  const auto recipe = short_run();
  const auto pipeline = Pipeline::load({.model = tiny_folder("sd1")}, {.dtype = ComputeType::int8});
  auto changed = recipe;
  changed.controls = {lora(file.path())};
  const auto plain = pipeline.generate({recipe, {}, false}), merged = pipeline.generate({changed, {}, false});
  CHECK(moved(merged, plain) > 1e-3);
  CHECK(moved(merged, with("sd1", recipe, {lora(file.path())})) < moved(plain, merged));
  CHECK(pipeline.generate({recipe, {}, false}).latents == plain.latents);
}
