// A picture inverted into latents that draw it: Diffusers' numbers, and what it promises beside them.
#include <doctest/doctest.h>
#include <filesystem>

#include "corepulse/recipe.h"
#include "corepulse/recording.h"

#include "engine/engine.h"
#include "lora_file.h"
#include "picture_file.h"
#include "pipeline/init/latents.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

const std::string kDrawn = "a cat in a park";

/** The goldens' picture as a file, for as long as the program runs. */
const PictureFile& golden_file() {
  static const PictureFile file("inversion.png", golden_picture(Golden("inversion"), "picture"));
  return file;
}

/** A short run of sd1 from the picture. */
Recipe inverted(int images = 1, Inversion how = {}) {
  Recipe recipe{.model = tiny_folder("sd1"), .prompt = kDrawn, .width = 128, .height = 64};
  recipe.steps = 4, recipe.sampler = SamplerKind::ddim, recipe.seeds.resize(static_cast<size_t>(images));
  recipe.init = InitPicture{.file = golden_file().path.string(), .strength = 1, .invert = std::move(how)};
  return recipe;
}

/** A file that goes away. */
struct Recorded {
  std::string path = (std::filesystem::temp_directory_path() / "corepulse_inverted_style.safetensors").string();
  ~Recorded() { std::filesystem::remove(path); }
};

/** What the VAE's encoder takes for the picture's latent, as torch orders it. */
std::vector<float> latent_of(const std::string& family, const Image& picture) {
  return engine::Engine::instance().run([&] {
    const auto parts = model::understand({.model = tiny_folder(family)});
    const auto model = model::load(parts, {test_dtype() == ComputeType::bfloat16 ? mx::bfloat16 : mx::float32, false});
    const auto x = mx::contiguous(mx::transpose(pipeline::picture_latent(*model, parts, picture), {0, 3, 1, 2}));
    mx::eval(x);
    return std::vector<float>(x.data<float>(), x.data<float>() + x.size());
  });
}

const std::vector<float>& picture_latent() {
  static const auto latent = latent_of("sd1", golden_picture(Golden("inversion"), "picture"));
  return latent;
}

/** How far the picture drawn again is from it, at guidance 1. */
double distance(int steps, int refine, SamplerKind sampler = SamplerKind::ddim) {
  auto recipe = inverted(1, {.refine = refine, .correct = false});
  recipe.steps = steps, recipe.guidance = 1, recipe.sampler = sampler;
  return relative_error(run("sd1", recipe).latents[0], picture_latent());
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

std::string refused(void (*change)(Recipe&)) {
  auto recipe = inverted();
  change(recipe);
  return refused(recipe);
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != text.npos;
}

}  // namespace

TEST_CASE("what was inverted is drawn again as by Diffusers' inverse scheduler and DDIM, within 1e-3") {
  const Golden golden("inversion");
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  int found = 0;
  for (const auto& [name, run] : runs.items()) {
    CAPTURE(name);
    auto recipe = inverted(1, {.prompt = run["invert"].get<std::string>(), .correct = false});
    recipe.model = tiny_folder(run["family"]), recipe.prompt = run["prompt"];
    recipe.steps = run["steps"], recipe.guidance = run["guidance"];
    const auto result = test::run(run["family"], recipe);
    CHECK(relative_error(result.latents.at(0), numbers(golden, "run/" + name)) <= 1e-3);
    CHECK(result.model_calls == 2 * recipe.steps);
    ++found;
  }
  CHECK(found == 3);
}

TEST_CASE("law: the corrected image 0 is what the VAE makes of the picture, bit for bit, whatever the run draws") {
  auto recipe = inverted(2);
  recipe.guidance = 7, recipe.controls = {inject("a dragon").strength(0.5), guide_by(GuideBy::Perturb::identity, 2)};
  const auto result = run("sd1", recipe, true);
  CHECK(result.latents[0] == picture_latent());
  CHECK(result.latents[1] != picture_latent());
  recipe = inverted(2), recipe.sampler = SamplerKind::euler, recipe.prompt = "a dragon on the beach";
  const auto other = run("sd1", recipe, true);
  CHECK(other.latents[0] == picture_latent());
  CHECK(other.images[0].pixels == result.images[0].pixels);
}

TEST_CASE("more steps, and refinement, bring the picture that is drawn again nearer to it") {
  const double rough = distance(4, 0), finer = distance(40, 0);
  CHECK(rough > 1e-3);  // or the test would show nothing
  CHECK(finer < rough / 2);
  for (const auto sampler : {SamplerKind::ddim, SamplerKind::euler}) {
    const double once = distance(4, 1, sampler), often = distance(4, 8, sampler);
    CHECK(once < rough);
    CHECK(often < once / 10);
    CHECK(often < 1e-3);
  }
}

TEST_CASE("LoRAs act on the way back as on the way forth, and no other control does") {
  const LoraFile file("sd1", "attn", 5, true);
  auto recipe = inverted(1, {.refine = 8, .correct = false});
  recipe.guidance = 1, recipe.controls = {lora(file.path())};
  const auto plain = run("sd1", inverted(1, {.refine = 8, .correct = false})).latents[0];
  CHECK(relative_error(run("sd1", recipe).latents[0], picture_latent()) < 1e-3);
  recipe.controls = {lora(file.path()).steps(1, 3)};
  CHECK(relative_error(run("sd1", recipe).latents[0], picture_latent()) < 1e-3);
  recipe.controls = {inject("a dragon")};
  CHECK(relative_error(run("sd1", recipe).latents[0], picture_latent()) > 0.01);
}

TEST_CASE("law: what looks at image 0 looks at the picture") {
  auto recipe = inverted(2);
  recipe.prompt = "a cat in a park", recipe.init->invert->prompt = kDrawn;
  const auto alone = run("sd1", recipe).latents;
  recipe.controls = {prompt_to_prompt("a dog in a park")};
  const auto edited = run("sd1", recipe).latents;
  CHECK(edited[0] == picture_latent());
  CHECK(relative_error(edited[1], alone[1]) > 1e-3);
  recipe.controls = {share_image(0).for_images({1})};
  CHECK(relative_error(run("sd1", recipe).latents[1], alone[1]) > 1e-3);
}

TEST_CASE("law: all images begin with the same latents, whatever their seeds are") {
  auto recipe = inverted(3, {.correct = false});
  recipe.seeds = {1, 2, 3};
  const auto latents = run("sd1", recipe).latents;
  CHECK(latents[1] == latents[0]);
  CHECK(latents[2] == latents[0]);
  CHECK(run("sd1", inverted(1, {.correct = false})).latents[0] == latents[0]);
}

TEST_CASE("a picture's recipe draws it again; an inversion is read back as it was written") {
  const auto result = run("sd1", inverted(2, {.prompt = "", .refine = 1}));
  CHECK(result.recipe.init->invert == Inversion{.prompt = "", .refine = 1});
  CHECK(recipe_from_json(to_json(result.recipe)) == result.recipe);
  CHECK(run("sd1", result.recipe).latents == result.latents);
}

TEST_CASE("the recipe in each picture of a batch draws that picture alone") {
  auto recipe = inverted(2);
  recipe.controls = {inject("a dragon").for_images({1})};
  const auto both = run("sd1", recipe, true);
  for (int i = 0; i < 2; ++i) {
    const auto own = recipe_from_json(image_text(both, i).at("corepulse"));
    CHECK(own.seeds.size() == 1);
    CHECK(run("sd1", own).latents[0] == both.latents[i]);
  }
  auto parted = both;  // the way back is that of image 0's weights
  parted.recipe.controls = {lora("style").for_images({1})};
  CHECK(recipe_from_json(image_text(parted, 1).at("corepulse")).seeds.size() == 2);
}

TEST_CASE("progress, estimate and explain count the inversion's model calls") {
  const auto recipe = inverted(2, {.refine = 2});
  std::vector<std::pair<bool, int>> seen;
  double sigma = 0;
  Request request{recipe};
  request.progress = [&](const Progress& at) {
    seen.emplace_back(at.inverting, at.step);
    CHECK(at.steps == 4);
    if (at.inverting) CHECK(at.sigma > sigma);
    sigma = at.sigma;
    CHECK(at.preview(1).width == 16);
    return true;
  };
  const auto result = tiny("sd1").generate(request);
  CHECK(seen == std::vector<std::pair<bool, int>>{
                    {true, 1}, {true, 2}, {true, 3}, {true, 4}, {false, 1}, {false, 2}, {false, 3}, {false, 4}});
  CHECK(result.model_calls == 4 * 3 + 2 * 4);
  CHECK(tiny("sd1").estimate(request).model_calls == result.model_calls);
  const auto told = io::parse_json(explain(recipe).json, "explanation")["init"]["invert"];
  CHECK(told["model_calls"] == 12);
  CHECK(told["prompt"] == kDrawn);
  CHECK(contains(explain(recipe).text, "before that it is inverted: 12 model calls that read \"a cat in a park\""));
  auto plain = recipe;
  plain.init->invert.reset();
  CHECK(tiny("sd1").estimate({recipe}).bytes > tiny("sd1").estimate({plain}).bytes);
}

TEST_CASE("an inversion can be stopped") {
  Request request{inverted()};
  int steps = 0;
  request.progress = [&](const Progress&) { return ++steps < 2; };
  try {
    tiny("sd1").generate(request);
    FAIL("it was not stopped");
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::cancelled);
    CHECK(contains(e.what(), "stopped after step 2 of 4 of the inversion"));
  }
  CHECK(steps == 2);
}

TEST_CASE("law: outside the mask all images go the picture's way") {
  for (const auto soft : {SoftMask::blend, SoftMask::strength}) {
    auto recipe = inverted(2);
    recipe.init->mask = rectangle(0, 0, 0.5, 1), recipe.init->soft = soft;
    const auto latents = run("sd1", recipe).latents;
    bool outside = true, inside = true;
    for (size_t i = 0; i < latents[1].size(); ++i)
      (i % 16 < 8 ? inside : outside) &= std::abs(latents[1][i] - picture_latent()[i]) < 1e-5;
    CHECK(outside);
    CHECK_FALSE(inside);
    CHECK(latents[0] == picture_latent());
  }
}

TEST_CASE("an inversion stands before a part that is drawn, and before a second pass") {
  auto recipe = inverted(2);
  recipe.init->mask = circle(0.25, 0.5, 0.2), recipe.init->only_masked = 8, recipe.width = recipe.height = 64;
  const auto part = run("sd1", recipe, true);
  CHECK(part.images[1].width == 128);
  CHECK(part.images[0].pixels != part.images[1].pixels);
  recipe = inverted(2), recipe.init->strength = 0.5;
  recipe.second_pass = SecondPass{.scale = 1.5, .strength = 0.5, .steps = 2};
  const auto both = run("sd1", recipe);
  CHECK(both.latents[0].size() == 4 * 12 * 24);
  CHECK(both.model_calls == 2 + 2 * 2 + 2);  // half of four steps, back and forth; one of the second pass's two
}

TEST_CASE("an inversion that cannot be says why") {
  for (const auto sampler : {SamplerKind::euler_a, SamplerKind::heun, SamplerKind::dpmpp_2m, SamplerKind::unipc}) {
    auto recipe = inverted();
    recipe.sampler = sampler;
    CHECK(contains(refused(recipe), std::string("[init.invert] the sampler is ") + name(sampler)));
    CHECK(contains(refused(recipe), "expected ddim or euler"));
  }
  CHECK(contains(refused([](Recipe& r) { r.eta = 0.5; }), "eta is 0.5"));
  CHECK(refused([](Recipe& r) { r.eta = 0; }) == "accepted");
  CHECK(contains(refused([](Recipe& r) { r.init->invert->refine = 21; }), "init.invert.refine is 21"));
  CHECK(contains(refused([](Recipe& r) { r.model = tiny_folder("inpaint"); }), "this model (inpainting) reads"));
  CHECK(contains(refused([](Recipe& r) {
                   r.syntax = PromptSyntax::a1111;
                   r.init->invert->prompt = "a cat <lora:style:1>";
                 }),
                 "[init.invert.prompt] <lora:style>"));
  CHECK(contains(refused([](Recipe& r) { r.init->invert->prompt = std::string(20000, 'a'); }), "init.invert.prompt"));
}

TEST_CASE("an inverted picture's style is shared beside it, and by a recording of it") {
  const Recorded file;
  auto recipe = inverted();
  recipe.controls = {record("style")};
  save_recording(run("sd1", recipe).recordings.at(0), file.path);
  recipe = inverted(2);
  const auto plain = run("sd1", recipe).latents;
  recipe.controls = {share({.image = 0, .align = true}).on(Rows::both)};
  const auto beside = run("sd1", recipe).latents;
  CHECK(beside[0] == plain[0]);
  CHECK(relative_error(beside[1], plain[1]) > 0.01);
  // Image 0 is the picture; where it is not, it is drawn as image 1 was.
  recipe = inverted(1, {.correct = false});
  recipe.controls = {share({.recording = file.path, .align = true}).on(Rows::both)};
  CHECK(relative_error(run("sd1", recipe).latents[0], beside[1]) <= 1e-4);
  // From noise, too.
  recipe.init.reset();
  CHECK(relative_error(run("sd1", recipe).latents[0], beside[1]) > 0.01);
}
