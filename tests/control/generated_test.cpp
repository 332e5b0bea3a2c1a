// Random recipes: the program against the composition rule written out per pixel and head.
#include <doctest/doctest.h>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "../support/dice.h"
#include "reference.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

// Two levels of a small picture, two heads: every pixel can be looked at.
std::vector<Site> small_sites() {
  auto sites = builtin_sites();
  std::erase_if(sites, [](const Site& s) { return s.level == 0 || s.attention > 0; });
  for (size_t i = 0; i < sites.size(); ++i) sites[i].index = static_cast<int>(i), sites[i].heads = 2;
  return sites;
}

class Generator : public corepulse::test::Dice {
 public:
  using Dice::Dice;

  std::vector<corepulse::Control> controls() {
    std::vector<corepulse::Control> all;
    const int n = 1 + below(5);
    for (int i = 0; i < n; ++i) all.push_back(control());
    return all;
  }

 private:
  Curve share() {
    if (below(3) == 0) return {{0, decimal()}, {0.5, decimal()}, {1, decimal()}};
    return pick({1.0, 1.0, 0.5, 0.0, 0.25});
  }
  std::string prompt() {
    return pick<std::string>(
        {"a red cat in a park", "A Red CAT in a park", "a dog", "snow, a cat", "the cat and the cat"});
  }
  Tokens words() { return Tokens(pick<std::string>({"cat", "Cat", "park", "a", "the", "red cat"}), below(4) == 0); }
  Region region() {
    auto r = below(2) ? rectangle(decimal() / 2, 0, 0.1 + decimal(), 1) : circle(decimal(), 0.5, 0.4);
    if (below(2)) r = r.feather(0.2);
    return below(4) ? r : !r;
  }
  Effect method() {
    switch (below(4)) {
      case 0:
        return NormalizedGuidance{below(2) ? std::optional(prompt()) : std::nullopt, pick({2.0, -1.0, 0.0}),
                                  pick({2.5, 1.0}), share()};
      case 1:
        return GuideBy{GuideBy::Perturb::blur, {{0, 2}, {1, decimal()}}, {}};
      case 2:
        return GuideBy{pick({GuideBy::Perturb::identity, GuideBy::Perturb::blur}), 3, {}};
      default:
        return edit();
    }
  }
  Effect other_image() {
    Share e{below(2), "", pick({Share::How::with, Share::How::instead}), share()};
    e.gain_k = pick({1.0, 1.0, 1.5, -0.5}), e.gain_v = pick({1.0, 1.0, 0.5});
    if (e.how == Share::How::with) e.shift = pick<Curve>({0.0, 0.7, Curve{{0, -1}, {1, 1}}});
    return e;
  }
  Effect edit() {
    PromptToPrompt e{
        .prompt = pick<std::string>({"a huge crocodile", "a red dog in a park", "snow, a red cat in a park"}),
        .image = below(3) == 0};
    e.method = pick({PromptToPrompt::Method::refine, PromptToPrompt::Method::replace});
    e.cross = share(), e.self = share(), e.self_tokens = pick({256, 256, 16});
    if (below(2)) e.words.push_back({Tokens(pick<std::string>({"a", "crocodile", "park", "red"})), share()});
    return e;
  }
  Effect effect() {
    switch (below(13)) {
      case 0:
      case 1:
        return Inject{prompt(), share(), pick({1.0, 1.0, 2.0, -1.0}), pick({1.0, 1.0, 0.5})};
      case 2:
        return Reweight{words(), pick({1.0, 0.0, 0.5, 3.0}), share()};
      case 3:
        return MaskTokens{words(), pick({TokenContext::keep, TokenContext::reencode}), share()};
      case 4:
        return ValueGain{words(), pick({1.0, -2.0, 0.0}), share()};
      case 5:
        return ReplaceTokens{words(), pick<std::string>({"dog", "fluffy dog", "cat"}),
                             pick({TokenContext::keep, TokenContext::replace}), share()};
      case 6:
        return Regions{{{prompt(), region()}, {prompt(), region()}}, pick({0.0, 0.3}), share()};
      case 7:
        return below(2) ? Effect(Attend{region(), pick({0.5, 4.0, 1.0}), Attend::Interaction::enhance, share()})
                        : Effect(Smooth{share()});
      case 8:
        return Temperature{pick({0.5, 1.0, 2.0}),
                           pick({AttentionKind::cross, AttentionKind::self, AttentionKind::both}), share()};
      case 9:
        return other_image();
      default:
        return method();
    }
  }
  corepulse::Control control() {
    corepulse::Control c{.effect = effect()};
    auto* guide = std::get_if<GuideBy>(&c.effect);
    if (guide && guide->perturb == GuideBy::Perturb::blur && below(2)) guide->blur_sigma = kBlurSigma;
    if (below(3) == 0) c.where = pick<std::string>({"middle:0", "output:0", "input:1"});
    if (below(3) == 0) {
      const int start = below(3);
      c.when = Window::steps(start, start + 1 + below(3));
    }
    if (below(3) == 0) c.region = region();
    if (below(4) == 0 && !guide) c.rows = pick({Rows::both, Rows::uncond});
    if (auto* other = std::get_if<Share>(&c.effect); other && c.rows) other->fidelity = pick({0.0, 0.25, 1.0});
    if (below(6) == 0) c.images = {below(2)};
    if (below(6) == 0 && !std::holds_alternative<NormalizedGuidance>(c.effect)) c.heads = {below(2)};
    return c;
  }
};

struct Outcome {
  bool resolved = false;
  std::string difference;
};

Outcome compare(const std::vector<corepulse::Control>& controls, const ProgramInputs& inputs, bool elide = true) {
  std::optional<Program> program;
  try {
    program = Program::resolve(controls, inputs, {.elide = elide});
  } catch (const Error& error) {
    // A control that can never act; anything else would be a defect.
    if (error.code() != ErrorCode::invalid_request) throw;
    return {};
  }
  for (const auto& site : inputs.sites)
    for (const auto& call : inputs.calls) {
      auto step = with_rows(call, inputs.batch);
      for (const auto& further : program->step(call).further)
        for (const int image : further.images) step.rows.push_back({image, further.role});
      const auto plan = program->plan(site, step);
      for (size_t r = 0; r < step.rows.size(); ++r) {
        const auto found = difference(expected_row(controls, inputs, site, call, step.rows[r]),
                                      planned_row(*program, inputs, site, plan, r));
        if (!found.empty()) return {true, found + " in row " + std::to_string(r) + " of " + site.path};
      }
    }
  return {true, ""};
}

// Fewer controls that still fail.
std::vector<corepulse::Control> shrunk(std::vector<corepulse::Control> controls, const ProgramInputs& inputs) {
  for (size_t i = 0; i < controls.size();) {
    auto fewer = controls;
    fewer.erase(fewer.begin() + static_cast<ptrdiff_t>(i));
    if (compare(fewer, inputs).difference.empty())
      ++i;
    else
      controls = fewer, i = 0;
  }
  return controls;
}

}  // namespace

TEST_CASE("600 random recipes compose as the rule says, pixel by pixel and head by head") {
  auto inputs = run_of(small_sites(), "a red cat in a park", 96, 64);
  inputs.negative_prompt = "the park";
  inputs.calls = schedule(3);
  inputs.batch = 2;
  int resolved = 0;
  unsigned seed = 1;
  for (; resolved < 600; ++seed) {
    REQUIRE(seed < 5000);
    const auto controls = Generator(seed).controls();
    const auto outcome = compare(controls, inputs);
    resolved += outcome.resolved;
    if (outcome.difference.empty()) continue;
    FAIL("seed ", seed, ": ", outcome.difference, "\n", to_json(shrunk(controls, inputs)));
  }
  MESSAGE(resolved, " of ", seed - 1, " recipes could act");
}

TEST_CASE("with elision off the same recipes mean the same") {
  auto inputs = run_of(small_sites(), "a red cat in a park", 48, 32);
  inputs.calls = schedule(2);
  inputs.batch = 2;
  for (unsigned seed = 1; seed <= 100; ++seed) {
    const auto controls = Generator(seed).controls();
    if (!compare(controls, inputs).resolved) continue;
    const auto outcome = compare(controls, inputs, false);
    if (!outcome.difference.empty()) FAIL("seed ", seed, ": ", outcome.difference, "\n", to_json(controls));
  }
}

TEST_CASE("random recipes survive JSON unchanged") {
  for (unsigned seed = 1; seed < 600; ++seed) {
    Recipe recipe{.prompt = "a cat", .controls = Generator(seed).controls()};
    for (const int indent : {-1, 0, 2}) REQUIRE(recipe_from_json(to_json(recipe, indent)) == recipe);
  }
}

}  // namespace corepulse::control::test
