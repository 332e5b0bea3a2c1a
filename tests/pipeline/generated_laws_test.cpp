// The laws of control over generated recipes, on whole runs ("==" is bit for bit). Failing ones are shrunk and shown.
#include <algorithm>
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "generated.h"
#include "law_case.h"
#include "observed_run.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** It acts on all images. */
bool is_step_input(const Control& c) {
  return is_shape(c) || std::holds_alternative<Guidance>(c.effect) || std::holds_alternative<Pooled>(c.effect) ||
         std::holds_alternative<SizeConditioning>(c.effect) || std::holds_alternative<Negative>(c.effect);
}

template <class Effect>
void without(Controls& controls) {
  std::erase_if(controls, [](const Control& c) { return std::holds_alternative<Effect>(c.effect); });
}

Controls all_neutral(const Case& at, const Recipe& recipe) {
  Controls controls;
  for (size_t i = 0; i < recipe.controls.size(); ++i)
    controls.push_back(neutral(recipe.controls[i], at.seed + static_cast<unsigned>(i)));
  return controls;
}

// -- The laws -----------------------------------------------------------------------------------

Verdict neutral_is_plain(const Case& at, const Recipe& recipe) {
  const auto plain = at.latents(recipe, {});
  if (auto wrong = same(at.latents(recipe, all_neutral(at, recipe)), plain, "neutral controls")) return wrong;
  Controls between;
  for (const auto& c : recipe.controls) between.push_back(neutral(c, at.seed)), between.push_back(c);
  return same(at.latents(recipe, between), at.latents(recipe), "neutral controls between others");
}

Verdict elision_changes_nothing(const Case& at, const Recipe& recipe) {
  auto plain = recipe, neutral = recipe;
  plain.controls.clear(), neutral.controls = all_neutral(at, recipe);
  const auto end = [&](const Recipe& r, bool elide) {
    return Latents{observed_run(at.family, r, elide).latents.back()};
  };
  // What extrapolates from the steps before amplifies rounding as it likes.
  const auto extrapolating = {SamplerKind::pndm, SamplerKind::ipndm, SamplerKind::lms, SamplerKind::deis};
  if (std::count(extrapolating.begin(), extrapolating.end(), recipe.sampler)) inapplicable();
  // The last of three steps of the built-in model amplifies rounding forty times.
  const double most = at.family == "builtin" ? 10 * kNear : kNear;
  if (auto wrong = near(end(neutral, false), end(plain, true), "neutral controls without elision", most)) return wrong;
  return near(end(recipe, false), end(recipe, true), "the recipe without elision", most);
}

Verdict nothing_before_the_window(const Case& at, Recipe recipe) {
  if (recipe.steps < 2) inapplicable();
  without<PromptToPrompt>(recipe.controls);  // gives its images their prompt in all steps
  const int first = 1 + static_cast<int>(at.seed % static_cast<unsigned>(recipe.steps - 1));
  for (auto& c : recipe.controls) c = c.steps(first, first + 1);
  const auto controlled = observed_run(at.family, recipe);
  recipe.controls.clear();
  const auto plain = observed_run(at.family, recipe);
  for (int i = 0; i < first; ++i)
    if (controlled.latents[i] != plain.latents[i])
      return fmt::format("the latents after step {} of {} moved", i, first);
  for (const auto& call : controlled.calls)
    if (call.step != first && (!call.changed.empty() || !call.plain_step))
      return fmt::format("the call of step {} is not plain", call.step);
  return {};
}

Verdict injected_prompt_is_the_prompt(const Case& at, Recipe recipe) {
  const auto other = RecipeGenerator(at.family, at.seed).prompt();
  auto injected = recipe;
  const auto inject_first = [&](Controls& theirs, Controls& ours) {
    // Images of an edit have another prompt; in older maths words are counted in the run's prompt, whatever is read.
    without<PromptToPrompt>(theirs), without<ControlNet>(theirs);  // which reads the run's, too
    std::erase_if(theirs, [](const Control& c) { return c.mode == Mode::corepulse; });
    ours = {inject(other)};
    if (at.family == "sdxl" || at.family == "koala_700m") ours.push_back(pooled(other));
    ours.insert(ours.end(), theirs.begin(), theirs.end());
  };
  inject_first(recipe.controls, injected.controls);
  if (recipe.second_pass && recipe.second_pass->controls)  // in place of the recipe's
    inject_first(*recipe.second_pass->controls, *injected.second_pass->controls);
  injected.prompt_2.clear(), recipe.prompt_2.clear();  // an injected prompt is both encoders'
  recipe.prompt = other;
  return same(at.latents(injected), at.latents(recipe), "injecting a prompt first of all");
}

Verdict windows_join(const Case& at, const Recipe& recipe) {
  const auto i = static_cast<ptrdiff_t>(at.chosen(recipe));
  if (recipe.steps < 2) inapplicable();
  const int middle = 1 + static_cast<int>(at.seed % static_cast<unsigned>(recipe.steps - 1));
  auto whole = recipe.controls, halves = recipe.controls;
  whole[i] = whole[i].steps(0, recipe.steps);
  halves[i] = halves[i].steps(middle, recipe.steps);
  halves.insert(halves.begin() + i, recipe.controls[i].steps(0, middle));
  return same(at.latents(recipe, halves), at.latents(recipe, whole), "[a, b) and [b, c)");
}

Verdict mask_of_ones_is_none(const Case& at, const Recipe& recipe) {
  auto bare = recipe.controls, masked = recipe.controls;
  const auto i = at.chosen(recipe);
  bare[i].region.reset();
  masked[i].region = at.seed % 2 ? rectangle(0, 0, 1, 1) : !circle(3, 3, 0.5);
  if (bare[i].mode != Mode::standard) inapplicable();
  return same(at.latents(recipe, masked), at.latents(recipe, bare), "a mask of ones");
}

Verdict halves_commute(const Case& at, Recipe recipe) {
  recipe.width = 128, recipe.height = 64;  // 16, 8, 4 and 2 columns: a half is binary on every grid
  if (recipe.second_pass) recipe.second_pass->scale = 1, recipe.second_pass->controls.reset();
  if (recipe.init) recipe.init->only_masked.reset();
  RecipeGenerator generator(at.family, at.seed);
  const auto a = generator.whole_control().within(rectangle(0, 0, 0.5, 1));
  const auto b = generator.whole_control().within(rectangle(0.5, 0, 0.5, 1));
  return same(at.latents(recipe, {a, b}), at.latents(recipe, {b, a}), "controls on two halves, in either order");
}

// At soft pixels only these: an injection has a share of all readings before it, a temperature of all such weights.
Verdict soft_edits_commute(const Case& at, Recipe recipe) {
  RecipeGenerator generator(at.family, at.seed);
  const auto edit = [&] {
    for (;;) {
      auto c = generator.whole_control();
      if (std::holds_alternative<Reweight>(c.effect) || std::holds_alternative<ValueGain>(c.effect)) return c;
    }
  };
  const auto half = rectangle(0, 0, 0.5, 1).feather(0.3);
  const auto a = edit().within(half), b = edit().within(!half);
  return near(at.latents(recipe, {a, b}), at.latents(recipe, {b, a}), "edits on soft halves, in either order");
}

Verdict image_alone_is_the_same(const Case& at, Recipe recipe) {
  without<Share>(recipe.controls), without<PromptToPrompt>(recipe.controls), without<Blend>(recipe.controls);
  without<Features>(recipe.controls);
  if (recipe.second_pass) recipe.second_pass->controls.reset();
  recipe.seeds = {recipe.seeds[0], recipe.seeds[0] + 1 + at.seed % 5, 7};
  for (size_t i = 0; i < recipe.controls.size(); ++i)
    if ((at.seed >> i) % 3 == 0 && !is_step_input(recipe.controls[i]))
      recipe.controls[i].images = {static_cast<int>(at.seed + i) % 3};
  const auto batch = at.latents(recipe);
  const int i = static_cast<int>(at.seed % 3);
  auto alone = recipe;
  alone.seeds = {recipe.seeds[i]};
  std::erase_if(alone.controls, [&](const Control& c) { return !c.images.empty() && c.images[0] != i; });
  for (auto& c : alone.controls) c.images.clear();
  return same({at.latents(alone)[0]}, {batch[i]}, "an image of a batch and the same alone");
}

Verdict all_tokens_alike_are_none(const Case& at, Recipe recipe) {
  // Where an edit leaves tokens to another reading, what it leaves weighs 1.
  without<PromptToPrompt>(recipe.controls);
  const auto all = reweight(Tokens::Part::all, at.seed % 2 ? 3 : 0.2);
  auto first = recipe.controls, last = recipe.controls;
  first.insert(first.begin(), all), last.push_back(all);
  const auto plain = at.latents(recipe);
  if (auto wrong = same(at.latents(recipe, first), plain, "all tokens reweighted first")) return wrong;
  const auto reweighted = at.latents(recipe, last);
  if (relative_error(reweighted, plain) <= kNear) return near(reweighted, plain, "all tokens reweighted last");
  // Some networks of random numbers make much of a rounding: what a millionth of the guidance makes is the measure
  // then.
  auto nudged = recipe;
  nudged.guidance *= 1 + 1e-6;
  const double rounding = relative_error(at.latents(nudged), plain);
  return near(reweighted, plain, "all tokens reweighted last", std::max(kNear, 4 * rounding));
}

/** "" or what of a call's report is not what the run did. */
std::string difference(const io::Json& told, int index, const ObservedRun::Call& call, const ModelInfo& info) {
  const auto& at = told["calls"][index];
  if (at["step"] != call.step || at["first"] != call.first || at["t"] != call.t || at["sigma"] != call.sigma ||
      at["guidance"] != call.guidance)
    return "its step, t, sigma or guidance";
  for (const auto& block : told["blocks"]) {
    bool changed = false;
    for (const auto& site : info.sites) changed |= block["block"] == site.block && call.changed.contains(site.path);
    if (changed == block["acting"][index].empty()) return "who acts in " + block["block"].get<std::string>();
  }
  std::set<std::string> layers;
  for (const auto& control : told["controls"])
    for (const auto& path : control["layers"]) layers.insert(path);
  if (!std::includes(layers.begin(), layers.end(), call.changed.begin(), call.changed.end())) return "its layers";
  if (call.asked.size() != info.sites.size()) return "how many layers were asked";
  return "";
}

Verdict table_is_the_run(const Case& at, Recipe recipe) {
  // The layers do with other weights, with what is added to skips and with others' features, what they did.
  without<Lora>(recipe.controls), without<ControlNet>(recipe.controls), without<Features>(recipe.controls);
  if (recipe.controls.empty()) inapplicable();
  const auto done = observed_run(at.family, recipe);
  auto told = io::parse_json(explain(recipe).json, "explanation");
  auto of_run = io::parse_json(done.explanation, "explanation");
  // Of the whole run, as are hints among the notes; the rest is the program's.
  for (const char* field : {"init", "second_pass", "embeddings", "notes"}) told.erase(field);
  of_run.erase("notes");
  if (told != of_run) return "explain says something else than the run: " + io::Json::diff(of_run, told).dump();
  if (told["calls"].size() != done.calls.size())
    return fmt::format("{} calls were told, {} made", told["calls"].size(), done.calls.size());
  size_t changed = 0, pairs = 0;
  for (size_t i = 0; i < done.calls.size(); ++i) {
    const auto wrong = difference(told, static_cast<int>(i), done.calls[i], tiny(at.family).info());
    if (!wrong.empty()) return fmt::format("call {}: {}", i, wrong);
    changed += done.calls[i].changed.size();
  }
  const auto& first = recipe.controls[0];
  if (recipe.controls.size() > 1 || std::holds_alternative<Capture>(first.effect) || is_beside_attention(first))
    return {};
  for (const auto& control : told["controls"]) pairs += control["pairs"].get<size_t>();
  if (pairs == changed) return {};
  return fmt::format("{} attention calls were told, {} changed", pairs, changed);
}

/** Attention of one head of one layer in the first call to two phrases, by pixel. */
Verdict reweighting_scales_ratios(const Case& at, Recipe recipe) {
  std::vector<std::string> layers;
  for (const auto& site : tiny(at.family).info().sites)
    if (site.cross) layers.push_back(site.path);
  const auto& layer = layers[at.seed % layers.size()];
  const double scale = at.seed % 2 ? 3 : 0.25;
  recipe.prompt = "a red cat in a park", recipe.steps = 1, recipe.timesteps.clear(), recipe.seeds.resize(1);
  recipe.second_pass.reset(), recipe.prompt_2.clear();
  const auto maps = [&](Controls controls) {
    for (const auto& tokens : {Tokens("cat"), Tokens("park"), Tokens(Tokens::Part::all)})
      controls.push_back(capture(tokens, "m").at(layer).for_heads({0}));
    recipe.controls = std::move(controls);
    return run(at.family, recipe).heat_maps;
  };
  // Only the first evaluation: the second has latents that the edit has already changed.
  recipe.sampler = SamplerKind::euler;
  const auto before = maps({}), after = maps({reweight("cat", scale).at(layer)});
  for (size_t p = 0; p < before[0].values.size(); ++p) {
    const auto ratio = [&](const std::vector<HeatMap>& m) { return double(m[0].values[p]) / m[1].values[p]; };
    if (std::abs(after[2].values[p] - 1) > 1e-5)
      return fmt::format("the row of pixel {} sums to {}", p, after[2].values[p]);
    if (std::abs(ratio(after) / ratio(before) / scale - 1) > 1e-4)
      return fmt::format("at pixel {} of {} the ratio moved by {}, not {}", p, layer, ratio(after) / ratio(before),
                         scale);
  }
  return {};
}

// In compat a1111, whose sampler goes on with what it knows.
Verdict own_refiner_is_none(const Case& at, Recipe recipe) {
  recipe.compat = Compat::a1111;
  const auto whole = at.latents(recipe);
  recipe.refiner = Refiner{recipe.model, (at.seed % 4 + 1) / 5.0};
  return same(at.latents(recipe), whole, "the model as its own refiner");
}

// -- Running them -------------------------------------------------------------------------------

// sd2v has the weights of sd2; koala_700m is SDXL with uneven depths and no middle block.
const std::vector<std::string> kFamilies{"sd1", "sd2v", "sdxl", "koala_700m", "small"};

void hold(const Law& law, const std::string& family, int count, unsigned first_seed) {
  judge([&](unsigned seed, const Recipe& recipe) { return law({family, seed}, recipe); }, family, count, first_seed);
}

void hold(const Law& law, int per_family, unsigned first_seed) {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    hold(law, family, per_family, first_seed);
  }
  if (largest_error > 0) MESSAGE("largest relative error so far: ", largest_error);
}

}  // namespace

TEST_CASE("another prompt moves the latents of a whole run by a tenth or more") {
  for (const auto& family : kFamilies) {
    CAPTURE(family);
    auto recipe = RecipeGenerator(family, 1).recipe();
    recipe.controls.clear(), recipe.init.reset(), recipe.second_pass.reset();
    const auto before = run(family, recipe).latents;
    recipe.prompt = "a dragon on the beach";
    CHECK(relative_error(run(family, recipe).latents, before) >= 0.1);
  }
}

TEST_CASE("most generated recipes change the picture") {
  for (const auto& family : kFamilies) {
    int judged = 0, changed = 0;
    for (unsigned seed = 1; judged < 12; ++seed) try {
        auto recipe = RecipeGenerator(family, seed).recipe();
        const auto controlled = run(family, recipe).latents;
        recipe.controls.clear();
        ++judged, changed += relative_error(controlled, run(family, recipe).latents) > 1e-3;
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_request);
      }
    CAPTURE(family);
    CHECK(changed >= 10);
  }
}

TEST_CASE("law 1: neutral controls, alone or between others, change no bit") {
  hold(neutral_is_plain, 12, 1000);
}
TEST_CASE("law 1: with elision off neutral controls are near the plain run") {
  hold(elision_changes_nothing, 10, 2000);
}
TEST_CASE("law 2: calls outside all windows, and latents before the first, are the plain run's") {
  hold(nothing_before_the_window, 12, 3000);
}
TEST_CASE("law 3: a prompt injected before all other controls is the prompt") {
  hold(injected_prompt_is_the_prompt, 12, 4000);
}
TEST_CASE("law 4: step windows [a, b) and [b, c) are [a, c)") {
  hold(windows_join, 12, 5000);
}
TEST_CASE("law 4: a mask of ones is no mask") {
  hold(mask_of_ones_is_none, 10, 6000);
}
TEST_CASE("law 4: controls on two halves act in either order") {
  hold(halves_commute, 10, 7000);
}
TEST_CASE("law 4: edits on soft halves are near each other in either order") {
  hold(soft_edits_commute, 6, 8000);
}
TEST_CASE("law 5: an image of a batch is the same image alone") {
  hold(image_alone_is_the_same, 12, 9000);
}
TEST_CASE("law 6: all tokens reweighted alike change nothing") {
  hold(all_tokens_alike_are_none, 10, 10000);
}
TEST_CASE("law 6: reweighting scales ratios of attention, and rows sum to 1") {
  hold(reweighting_scales_ratios, 8, 11000);
}
TEST_CASE("law 9: the explain table is what a run does") {
  hold(table_is_the_run, 12, 12000);
}
TEST_CASE("law 10: a model that ends its own run changes nothing") {
  hold(own_refiner_is_none, 8, 13000);
}
TEST_CASE("the built-in model obeys over 20 recipes") {
  const std::vector<Law> laws{neutral_is_plain,
                              elision_changes_nothing,
                              nothing_before_the_window,
                              windows_join,
                              halves_commute,
                              injected_prompt_is_the_prompt,
                              table_is_the_run,
                              mask_of_ones_is_none,
                              image_alone_is_the_same,
                              soft_edits_commute,
                              all_tokens_alike_are_none,
                              reweighting_scales_ratios};
  for (unsigned i = 0; i < 20; ++i) {
    hold(laws[i % laws.size()], "builtin", 1, 20000 + 100 * i);
    hold(laws[(i + 5) % laws.size()], "builtin", 1, 20000 + 100 * i);
  }
}
