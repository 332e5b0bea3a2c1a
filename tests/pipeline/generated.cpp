#include "generated.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "control/kind.h"
#include "support.h"

namespace corepulse::test {

RecipeGenerator::RecipeGenerator(const std::string& family, unsigned seed)
    : Dice(seed * 2654435761u + 17), family_(family), model_(tiny_folder(family)), seed_(seed) {}

Recipe RecipeGenerator::recipe() {
  Recipe r{.model = model_};
  r.prompt = pick<std::string>({"a red cat in a park", "a cat and a dog in a park", "the old cat, a park, watercolor"});
  r.negative_prompt = pick<std::string>({"", "blurry", "the park"});
  if (below(4) == 0) {
    r.syntax = PromptSyntax::a1111;
    r.prompt = pick<std::string>({"a (red cat:1.3) in a [big] park", "a red cat BREAK a (small:0.7) dog in a park",
                                  "a [red|blue] cat in a park"});
  }
  std::tie(r.width, r.height) = pick<std::pair<int, int>>({{64, 64}, {96, 64}, {64, 128}, {72, 56}});
  if (family_ == "builtin") r.width = r.height = 64;
  r.steps = 2 + below(2);
  r.guidance = pick({5.0, 5.0, 2.5, 1.0});
  r.sampler = sampler();
  if (r.guidance == 2.5) r.sampler = with_little_guidance(r.sampler);
  if (family_ == "sd2v" && below(4) == 0) r.zero_snr = true;  // which it starts from anyway
  r.seeds = {random_() % 1000};
  if (below(4) == 0) r.seeds.push_back(1000 + random_() % 1000);
  const int n = 1 + below(4);
  for (int i = 0; i < n; ++i) r.controls.push_back(control());
  if (r.seeds.size() > 1 && below(2)) r.controls.insert(r.controls.begin() + below(n), edit());
  if (below(4) == 0) r.init = init();
  if (!r.init && below(6) == 0) {
    r.timesteps = {980, 600.5, 60};
    r.timesteps.resize(static_cast<size_t>(r.steps));
  }
  if (below(4) == 0) r.controls.push_back(changed_weights());
  if (below(6) == 0) r.second_pass = second_pass();
  add_words(r);
  if (r.init && below(3) == 0) draw_otherwise(r);
  if ((family_ == "sd1" || family_ == "sdxl") && below(4) == 0) r.controls.push_back(side_network());
  if (below(5) == 0) r.controls.push_back(read_pictures());
  follow(r);
  return r;
}

SamplerKind RecipeGenerator::sampler() {
  using enum SamplerKind;
  return pick({euler, euler, dpmpp_2m, heun, euler_a, dpmpp_sde, dpmpp_2s_a, dpm_2_a, dpmpp_3m_sde, lms, ddpm, pndm,
               tcd, deis, ipndm});
}

/** CFG++ in the place of some: each of its calls needs a negative prompt's rows, and guidance of 2.5 is much for it. */
SamplerKind RecipeGenerator::with_little_guidance(SamplerKind sampler) {
  using enum SamplerKind;
  if (sampler == euler || sampler == heun) return euler_cfg_pp;
  return sampler == dpmpp_2m || sampler == lms ? dpmpp_2m_cfg_pp : sampler;
}

Control RecipeGenerator::control() {
  const int kind = below(16);
  if (kind == 0) return below(2) ? step_control() : shape_control();
  if (kind == 1) return legacy_control();
  Control c{.effect = kind < 12 ? text_effect() : picture_effect()};
  place(c);
  if (below(3) == 0) c.region = region();
  if (below(6) == 0 && !std::holds_alternative<NormalizedGuidance>(c.effect)) c.heads = {below(2)};
  if (below(8) == 0) c.images = {0};
  return c;
}

void RecipeGenerator::place(Control& c) {
  if (below(3) == 0) c.where = pick<std::string>({"middle:0", "output:1", "input:1", "fine", "coarse", "output:1.0"});
  const int when = below(6);
  if (when == 0) c = c.steps(below(2), 2 + below(2));
  if (when == 1) c = c.sigma(pick({20.0, 15.0}), pick({0.0, 1.0}));
  if (when == 2) c = c.progress(0, pick({0.4, 0.6, 1.0}));
  if (below(5) == 0 && !std::holds_alternative<GuideBy>(c.effect)) c.rows = pick({Rows::both, Rows::uncond});
}

Control RecipeGenerator::edit() {
  PromptToPrompt e{.prompt =
                       pick<std::string>({"a red dog in a park", "a cat and a dog in a snowy park", "an old cat"})};
  e.cross = share(), e.self = share();
  if (below(2)) e.words.push_back({Tokens(pick<std::string>({"dog", "cat"})), share()});
  if (below(3) == 0) e.self_tokens = pick({0, 32});
  Control c{.effect = e};
  place(c);
  if (below(4) == 0) c.region = region();
  if (below(6) == 0) c.heads = {below(2)};
  return c;
}

Control RecipeGenerator::whole_control() {
  for (;;) {
    Control c{.effect = text_effect()};
    if (std::holds_alternative<Regions>(c.effect)) continue;
    c = c.strength(1);
    place(c);
    return c;
  }
}

std::string RecipeGenerator::prompt() {
  return pick<std::string>({"a dragon on the beach", "snow, a cat", "a fluffy dog in a park"});
}

Curve RecipeGenerator::share() {
  if (below(4) == 0) return {{0, decimal()}, {0.5, 0.5}, {1, decimal()}};
  return pick({1.0, 1.0, 0.5, 0.25});
}

Tokens RecipeGenerator::words() {
  if (below(8) == 0) return Tokens(pick({Tokens::Part::words, Tokens::Part::padding, Tokens::Part::start}));
  return Tokens(pick<std::string>({"cat", "Cat", "park", "a", "a park"}), below(5) == 0);
}

Region RecipeGenerator::region() {
  auto r = below(2) ? rectangle(decimal() / 2, decimal() / 2, 0.3 + decimal() / 2, 1) : circle(decimal(), 0.5, 0.4);
  if (below(2)) r = r.feather(0.2);
  if (below(5) == 0) r = r - circle(0.5, decimal(), 0.2);
  return below(4) ? r : !r;
}

// No two numbers of a kind undo each other: what acts is then never the plain attention again.
Effect RecipeGenerator::text_effect() {
  switch (below(10)) {
    case 0:
    case 1:
      return Inject{prompt(), share(), pick({1.0, 1.0, 1.5}), pick({1.0, 1.0, 0.5})};
    case 2:
      return Reweight{words(), pick({0.2, 0.5, 3.0}), share()};
    case 3:
      return MaskTokens{Tokens(pick<std::string>({"cat", "park"})), pick({TokenContext::keep, TokenContext::reencode}),
                        share()};
    case 4:
      return ValueGain{words(), pick({-0.9, 0.0, 1.5}), share()};
    case 5:
      return ReplaceTokens{Tokens("cat"), pick<std::string>({"dog", "fluffy dog"}),
                           pick({TokenContext::keep, TokenContext::replace}), share()};
    case 6:
      return Regions{{{prompt(), region()}, {prompt(), region()}}, pick({0.0, 0.3}), share()};
    case 7:
      return Temperature{pick({0.6, 3.0}), AttentionKind::cross, share()};
    case 8:
      return NormalizedGuidance{below(2) ? std::optional(prompt()) : std::nullopt, pick({1.0, -0.5}), pick({2.5, 1.2}),
                                share()};
    default:
      return Reweight{Tokens("cat"), {{0, 0.3}, {1, 4.0}}, 1};
  }
}

Effect RecipeGenerator::picture_effect() {
  switch (below(6)) {
    case 0:
      return Attend{region(), pick({0.3, 4.0}), Attend::Interaction::enhance, share()};
    case 1:
      return Temperature{pick({0.6, 3.0}), pick({AttentionKind::self, AttentionKind::both}), share()};
    case 2:
      return Smooth{share()};
    case 3:
      return GuideBy{pick({GuideBy::Perturb::identity, GuideBy::Perturb::tokens}),
                     pick<Curve>({2.0, Curve{{0, 3}, {0.5, -1}, {1, 0}}}),
                     {}};
    case 4:
      return GuideBy{GuideBy::Perturb::blur, 2, pick<std::optional<double>>({std::nullopt, 0.8, 3.0})};
    default:
      return other_image();
  }
}

Effect RecipeGenerator::other_image() {
  Share e{0, "", pick({Share::How::with, Share::How::instead}), share()};
  e.gain_k = pick({1.0, 1.3}), e.gain_v = pick({1.0, 0.8});
  if (e.how == Share::How::instead) return e;
  e.align = below(2), e.align_values = e.align && below(2);
  e.shift = pick<Curve>({0.0, 0.7, Curve{{0, -1}, {1, 0.5}}});
  return e;
}

Control RecipeGenerator::step_control() {
  auto c = pick<Control>({guidance({{0, 2}, {1, 6}}), guidance(3), negative("fog"), capture("cat")});
  if ((family_ == "sdxl" || family_ == "koala_700m") && below(2))
    c = pick<Control>({pooled(prompt(), 0.5), time_ids({.crop = std::pair{8, 16}})});
  if (below(2)) c = c.steps(0, 2);
  return c;
}

Control RecipeGenerator::shape_control() {
  auto c = pick<Control>({rescaled_guidance(0.6), zero_star_guidance(share()), tangential_guidance(share()),
                          projected_guidance({.parallel = 0.3, .limit = pick({0.0, 20.0})}),
                          projected_guidance({.limit = 30, .of = ProjectedGuidance::Of::picture}),
                          frequency_guidance(2, {{0, 8}, {1, 4}}), skimmed_guidance(2), thresholded_guidance(3, 0.9),
                          freeu({.b1 = 1.2, .b2 = {{0, 1}, {1, 1.3}}, .s1 = 0.8, .s2 = 0.5}),
                          freeu({.b1 = 1.1, .s1 = 0.9, .version = 1}), guide_by(GuideBy::Perturb::map, 1.5)});
  if (below(2)) c = c.steps(0, 2);
  if (below(3) == 0 && std::holds_alternative<FreeU>(c.effect))
    c = c.at("output:0").on(pick({Rows::cond, Rows::uncond}));
  return c;
}

Control RecipeGenerator::legacy_control() {
  auto c = pick<Control>({inject(prompt()).gains(2, 2).as(Mode::corepulse), reweight("cat", 2).as(Mode::corepulse),
                          inject(prompt()).gains(0.8, 0.8).as(Mode::comfy)});
  if (below(2)) c = c.at("middle:0");
  return c;
}

bool is_shape(const Control& c) {
  return std::holds_alternative<RescaledGuidance>(c.effect) || std::holds_alternative<ZeroStarGuidance>(c.effect) ||
         std::holds_alternative<TangentialGuidance>(c.effect) || std::holds_alternative<ProjectedGuidance>(c.effect) ||
         std::holds_alternative<FrequencyGuidance>(c.effect) || std::holds_alternative<SkimmedGuidance>(c.effect) ||
         std::holds_alternative<ThresholdedGuidance>(c.effect);
}

bool is_beside_attention(const Control& c) {
  const auto& kind = control::kind_of(c.effect);
  const auto* guide = std::get_if<GuideBy>(&c.effect);
  return kind.step || kind.features || kind.mixes || kind.latents || kind.side ||
         (guide && guide->perturb == GuideBy::Perturb::map);
}

Control neutral(Control c, unsigned variant) {
  const auto set = [&](auto& e) {
    if constexpr (requires {
                    e.scale;
                    e.tokens;
                  })
      return e.scale = 1, true;
    if constexpr (requires {
                    e.target;
                    e.scale;
                  })
      return e.scale = 1, true;
    if constexpr (requires { e.b1; }) return e.b1 = e.b2 = e.s1 = e.s2 = 1, true;
    if constexpr (requires { e.parallel; }) return e.parallel = 1, e.limit = e.momentum = 0, true;
    if constexpr (requires {
                    e.limit;
                    e.scale;
                  })
      return e.scale = 0, true;
    if constexpr (requires { e.perturb; }) return e.scale = 0, true;
    if constexpr (requires { e.gain; }) return e.gain = 1, true;
    if constexpr (requires { e.value; }) return e.value = 1, true;
    if constexpr (requires { e.with; }) return e.with = e.tokens.phrase, true;
    return false;
  };
  const auto fade = [](auto& e) {
    if constexpr (requires { e.strength; }) return e.strength = 0, true;
    return false;
  };
  if (std::holds_alternative<Capture>(c.effect)) return c;
  if (variant % 3 == 0 && c.mode == Mode::standard && std::visit(set, c.effect)) return c;
  if (variant % 3 != 2 && c.mode == Mode::standard && std::visit(fade, c.effect)) return c;
  return c.enable(false);
}

namespace {

bool fails(const Recipe& recipe, const Complaint& complaint) {
  try {
    return complaint(recipe).has_value();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_request) throw;
    return false;
  }
}

/** `whole` after the change, if that is something else. */
template <class T, class Change>
void add_changed(T whole, Change change, std::vector<T>& all) {
  const T before = whole;
  change(whole);
  if (whole != before) all.push_back(std::move(whole));
}

/** The control with one field less. */
std::vector<Control> simpler(const Control& c) {
  std::vector<Control> all;
  const auto add = [&](auto change) { add_changed(c, change, all); };
  add([](Control& l) { l.region.reset(); });
  add([](Control& l) { l.when = {}; });
  add([](Control& l) { l.where.clear(); });
  add([](Control& l) { l.rows.reset(); });
  add([](Control& l) { l.heads.clear(); });
  add([](Control& l) { l.images.clear(); });
  add([](Control& l) { l.mode = Mode::standard; });
  add([](Control& l) {
    std::visit(
        [](auto& e) {
          if constexpr (requires { e.strength; }) e.strength = 1;
        },
        l.effect);
  });
  add([](Control& l) {
    if (l.when.unit == Window::Unit::steps) l.when.end = std::max(l.when.start + 1, l.when.end - 1);
  });
  add([](Control& l) {
    if (l.region) l.region = rectangle(0, 0, 0.5, 1);
  });
  return all;
}

std::vector<Recipe> simpler(const Recipe& recipe) {
  std::vector<Recipe> all;
  const auto add = [&](auto change) { add_changed(recipe, change, all); };
  for (size_t i = 0; i < recipe.controls.size(); ++i)
    add([&](Recipe& l) { l.controls.erase(l.controls.begin() + static_cast<ptrdiff_t>(i)); });
  add([](Recipe& l) { l.init.reset(); });
  add([](Recipe& l) { l.second_pass.reset(); });
  add([](Recipe& l) { l.embeddings.reset(); });
  add([](Recipe& l) { l.prompt_2.clear(); });
  add([](Recipe& l) { l.seeds.resize(1); });
  add([](Recipe& l) { l.steps = std::max(1, l.steps - 1); });
  add([](Recipe& l) { l.sampler = SamplerKind::euler; });
  add([](Recipe& l) { l.timesteps.clear(); });
  add([](Recipe& l) { l.negative_prompt.clear(); });
  add([](Recipe& l) { l.guidance = 1; });
  add([](Recipe& l) { l.width = l.height = 64; });
  for (size_t i = 0; i < recipe.controls.size(); ++i)
    for (auto& control : simpler(recipe.controls[i])) add([&](Recipe& l) { l.controls[i] = control; });
  return all;
}

}  // namespace

Recipe shrunk(Recipe recipe, const Complaint& complaint) {
  for (bool found = true; found;) {
    found = false;
    for (auto& less : simpler(recipe)) {
      if (!fails(less, complaint)) continue;
      recipe = std::move(less), found = true;
      break;
    }
  }
  return recipe;
}

void judge(const std::function<std::optional<std::string>(unsigned seed, const Recipe&)>& law,
           const std::string& family, int count, unsigned first_seed) {
  int judged = 0;
  for (unsigned seed = first_seed; judged < count; ++seed) {
    REQUIRE(seed < first_seed + 20 * static_cast<unsigned>(count));
    const auto recipe = RecipeGenerator(family, seed).recipe();
    const Complaint complaint = [&](const Recipe& r) { return law(seed, r); };
    try {
      if (const auto wrong = complaint(recipe)) {
        const auto least = shrunk(recipe, complaint);
        FAIL("seed ", seed, ": ", complaint(least).value_or(*wrong), "\n", to_json(least));
      }
      ++judged;
    } catch (const Error& error) {
      if (error.code() != ErrorCode::invalid_request) throw;
    }
  }
}

}  // namespace corepulse::test
