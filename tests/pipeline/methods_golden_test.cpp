// Whole runs of perturbed, smoothed and normalised attention guidance, of prompt-to-prompt and of shared styles end in
// the latents that Diffusers and scripts with explicit attention matrices computed (tests/golden/README.md).
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/**
 * Of the latents after ten steps, relative. The methods themselves move them by 4e-3 to 0.4. Normalised guidance
 * amplifies rounding at every layer: up to (1 + scale) strength times.
 */
constexpr double kTolerance = 5e-5, kAmplified = 1e-4, kOfEdits = 1e-5;

constexpr int kSteps = 10;

Recipe recipe_of(const std::string& family, double guidance) {
  auto recipe = golden_recipe(family);
  recipe.width = 192, recipe.height = 128;
  recipe.steps = kSteps, recipe.guidance = guidance;
  recipe.negative_prompt.clear();
  return recipe;
}

/** By name, what a golden's run is given. */
std::map<std::string, io::Json> runs_of(const Golden& golden, const std::string& family = "") {
  auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  if (!family.empty()) runs = io::Json(runs[family]);
  return runs.get<std::map<std::string, io::Json>>();
}

std::string text_of(const Golden& golden, const std::string& name) {
  return io::parse_json(golden.metadata().at(name), name);
}

double largest_error = 0;

/** The final latents of all images, one after the other. */
void check(const std::string& family, const Recipe& recipe, const Golden& golden, const std::string& name,
           double tolerance = kTolerance) {
  CAPTURE(name);
  std::vector<float> all;
  for (const auto& image : run(family, recipe).latents) all.insert(all.end(), image.begin(), image.end());
  const double error = relative_error(all, numbers(golden, name + "/latents/9"));
  CHECK(error <= tolerance);
  largest_error = std::max(largest_error, error);
}

void tell_error() {
  MESSAGE("largest relative error ", largest_error);
  largest_error = 0;
}

/** The layers that a golden names. */
std::string where_of(const io::Json& layers) {
  std::string where;
  for (std::string layer : layers) {
    if (layer == "mid") layer = "mid_block";
    if (const auto either = layer.find("(0|2)"); either != layer.npos)
      layer = layer.substr(0, either) + "0, " + layer.substr(0, either) + "2";
    where += (where.empty() ? "" : ", ") + layer;
  }
  return where;
}

/** Adaptive scale of perturbed guidance: it falls with the run's timesteps. */
Curve falling(double scale, double rate, const Recipe& recipe) {
  std::vector<std::pair<double, double>> points;
  const auto told = io::parse_json(explain(recipe).json, "explanation");
  for (const auto& call : told["calls"])
    points.emplace_back(call["progress"], std::max(0.0, scale - rate * (1000 - call["t"].get<double>())));
  return Curve(points);
}

/** 1 in steps first <= step < end, else 0. */
Curve in_steps(int first, int end) {
  const auto before = [](int step) { return (step - 0.5) / (kSteps - 1); };
  if (first >= end) return 0;
  std::vector<std::pair<double, double>> points;
  if (first > 0) points = {{0, 0}, {before(first), 0}};
  points.insert(points.end(), {{std::max(0.0, before(first)), 1}, {before(end), 1}, {before(end), 0}});
  return Curve(points);
}
Curve in_steps(const io::Json& window) {
  return in_steps(window[0], window[1]);
}

/** The edit of a golden's run, of image `image` of the batch. */
std::vector<Control> edit_of(const io::Json& golden, int image) {
  PromptToPrompt edit{.prompt = golden["prompt"]};
  if (golden["kind"] == "replace") edit.method = PromptToPrompt::Method::replace;
  edit.cross = in_steps(golden["cross"]), edit.self = in_steps(golden["self"]);
  edit.self_tokens = golden["limit"];
  const auto words = golden.value("words", io::Json::object()), gains = golden.value("gains", io::Json::object());
  for (const auto& [word, window] : words.items()) edit.words.push_back({Tokens(word), in_steps(window)});
  std::vector<Control> controls{Control{.effect = edit}.for_images({image})};
  // The gain of a word acts on the attention to it, which is not normalised again, in the window of `cross`.
  for (const auto& [word, gain] : gains.items())
    controls.push_back(
        value_gain(word, gain.get<double>()).steps(golden["cross"][0], golden["cross"][1]).for_images({image}));
  return controls;
}

}  // namespace

TEST_CASE("perturbed-attention guidance follows Diffusers, in every form") {
  const Golden golden("pag");
  for (const std::string family : {"sd1", "sdxl"})
    for (const auto& [name, given] : runs_of(golden, family)) {
      auto recipe = recipe_of(family, given["cfg"]);
      recipe.guidance_rescale = given["rescale"];
      const double scale = given["scale"], rate = given["adaptive"];
      if (scale != 0)
        recipe.controls = {guide_by(GuideBy::Perturb::identity, rate > 0 ? falling(scale, rate, recipe) : scale)
                               .at(where_of(given["layers"]))};
      check(family, recipe, golden, family + "/" + name);
    }
  tell_error();
}

TEST_CASE("smoothed energy guidance follows its formula, with finite and infinite blurs") {
  const Golden golden("seg");
  for (const std::string family : {"sd1", "sdxl"})
    for (const auto& [name, given] : runs_of(golden)) {
      auto recipe = recipe_of(family, given["cfg"]);
      GuideBy guide{GuideBy::Perturb::blur, given["scale"].get<double>(), {}};
      if (given["sigma"] < 1000) guide.blur_sigma = given["sigma"].get<double>();
      recipe.controls = {Control{.effect = guide}.at(where_of(given["layers"]))};
      check(family, recipe, golden, family + "/" + name);
    }
  tell_error();
}

TEST_CASE("self-attention guidance follows Diffusers' pipeline, with guidance and without") {
  const Golden golden("guidance");
  for (const std::string name : {"sag", "sag_no_cfg"}) {
    const auto given = runs_of(golden).at(name);
    auto recipe = recipe_of(given[0], given[1]);
    recipe.sampler = SamplerKind::ddim;
    recipe.controls = {guide_by(GuideBy::Perturb::map, given[2]["sag_scale"].get<double>())};
    CAPTURE(name);
    CHECK(relative_error(run(given[0], recipe).latents[0], numbers(golden, "run/" + name)) <= kTolerance);
  }
}

TEST_CASE("FreeU's first version follows Diffusers' pipelines") {
  const Golden golden("guidance");
  const auto numbers_of = io::parse_json(golden.metadata().at("freeu"), "freeu");
  FreeU freeu_1{.version = 1};
  freeu_1.b1 = numbers_of["b1"].get<double>(), freeu_1.b2 = numbers_of["b2"].get<double>();
  freeu_1.s1 = numbers_of["s1"].get<double>(), freeu_1.s2 = numbers_of["s2"].get<double>();
  for (const std::string family : {"sd1", "sdxl"}) {
    auto recipe = recipe_of(family, 5);
    recipe.controls = {freeu(freeu_1)};
    CAPTURE(family);
    CHECK(relative_error(run(family, recipe).latents[0], numbers(golden, "run/freeu_" + family)) <= kTolerance);
  }
}

TEST_CASE("normalised attention guidance follows its authors' code, with guidance and without") {
  const Golden golden("nag");
  const auto negative = text_of(golden, "negative");
  for (const std::string family : {"sd1", "sdxl"}) {
    for (const auto& [name, given] : runs_of(golden, family)) {
      auto recipe = recipe_of(family, given["cfg"]);
      const NormalizedGuidance nag{negative, given["scale"].get<double>(), given["tau"].get<double>(),
                                   given["alpha"].get<double>()};
      recipe.controls = {Control{.effect = nag}.at(given["where"]).steps(given["steps"][0], given["steps"][1])};
      check(family, recipe, golden, family + "/" + name, kAmplified);
    }
    check(family, recipe_of(family, 1), golden, family + "/plain");
    check(family, recipe_of(family, 5), golden, family + "/plain_cfg");
    // The negative prompt of the recipe is the same one, and is read by no row of its own.
    auto own = recipe_of(family, 1);
    own.negative_prompt = negative;
    own.controls = {normalized_guidance()};
    check(family, own, golden, family + "/default", kAmplified);
  }
  tell_error();
}

TEST_CASE("prompt-to-prompt follows explicit attention matrices: replaced, refined, in windows, by word, with gains") {
  const Golden golden("p2p");
  const auto runs = runs_of(golden);
  const auto batch = [&](size_t images) {
    auto recipe = recipe_of("sd1", 5);
    recipe.prompt = text_of(golden, "base");
    recipe.seeds.assign(images, 3);
    return recipe;
  };
  for (const auto& [name, given] : runs) {
    if (name == "replace_long") continue;  // the community pipeline's map, which loses words
    auto recipe = batch(2);
    recipe.controls = edit_of(given, 1);
    check("sd1", recipe, golden, name, kOfEdits);
  }
  auto two = batch(3);
  two.controls = edit_of(runs.at("replace"), 1);
  for (const auto& control : edit_of(runs.at("refine"), 2)) two.controls.push_back(control);
  check("sd1", two, golden, "two", kOfEdits);
  tell_error();
}

TEST_CASE("a shared style follows explicit attention matrices: StyleAligned, reference-only, placed by strength") {
  const Golden golden("style");
  auto recipe = recipe_of("sdxl", 5);
  recipe.seeds = {3, 4};
  check("sdxl", recipe, golden, "plain");
  for (const auto& [name, given] : runs_of(golden)) {
    const io::Json& numbers_of = given;
    const auto number = [&](const char* field) { return numbers_of[field].get<double>(); };
    const Share shared{.image = 0,
                       .strength = number("strength"),
                       .align = given["align"],
                       .align_values = given["values"],
                       .gain_k = number("scale"),
                       .shift = number("shift"),
                       .fidelity = number("fidelity")};
    const std::string where = given["layers"];
    recipe.controls = {share(shared).on(Rows::both).steps(given["steps"][0], given["steps"][1]).at(where)};
    check("sdxl", recipe, golden, name);
  }
  tell_error();
}
