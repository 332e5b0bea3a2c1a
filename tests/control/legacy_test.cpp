// The legacy modes: CorePulse's and the ComfyUI node's maths as readings.
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/corepulse_adapter.h"
#include "corepulse/error.h"

#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;

ProgramInputs run() {
  return run_of(sd15_sites(), "a cat in a park");
}

AttentionPlan plan(const corepulse::Control& control, bool cross = true) {
  const auto inputs = run();
  return Program::resolve({control}, inputs).plan(site_of(inputs.sites, "middle:0", cross), with_rows(inputs.calls[0]));
}

}  // namespace

TEST_CASE("CorePulse's injectors are its patcher's calls") {
  const auto injected = [](const char* block, const char* prompt, double weight) {
    return inject(prompt).at(block).gains(weight, weight).sigma(INFINITY, 0).as(Mode::corepulse);
  };
  CHECK(UNetPatcher().add_content_style_split("cat", "oil", 2, 0.5).controls() ==
        Controls{injected("content", "cat", 2), injected("style", "oil", 0.5)});
  CHECK(UNetPatcher().add_stage_based_injection("a", "b", "c", 1, 2, 3).controls() ==
        Controls{injected("composition", "a", 1), injected("content", "b", 2), injected("style", "c", 3)});
  CHECK(UNetPatcher().configure_from_locations("output:0,1.5\n\r\ninput:2, -2 \n", "cat").controls() ==
        Controls{injected("output:0", "cat", 1.5), injected("input:2", "cat", -2)});
  for (const char* wrong : {"", "\n", "output:0", "output:0,", "output:0,x", "output:0,1 2", "output:0,1,2"})
    CHECK_THROWS_AS(UNetPatcher().configure_from_locations(wrong, "cat"), Error);

  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1), sky = rectangle(0, 0, 1, 0.3);
  const auto looks = [](Region from, Region to, double scale) {
    return attend(std::move(to), scale).within(std::move(from)).at("all").sigma(INFINITY, 0).as(Mode::corepulse);
  };
  CHECK(UNetPatcher().add_regional_injection("middle:0", "cat", left, 2).controls() ==
        Controls{injected("middle:0", "cat", 2).within(left)});
  CHECK(UNetPatcher().redirect_attention(left, sky, right, 4).controls() ==
        Controls{looks(left, sky, 0.25), looks(left, right, 4)});
  CHECK(UNetPatcher().create_attention_barrier(left).controls() ==
        Controls{looks(left, !left, 0.1), looks(!left, left, 0.1)});
  const auto coherent = UNetPatcher().enhance_global_coherence().controls();
  CHECK_FALSE(coherent.at(0).region);
  CHECK(std::get<Attend>(coherent[0].effect).scale == Curve(1.5));

  const auto inputs = run_of(sd15_sites(), "a cat in a park");  // what they make resolves
  UNetPatcher all;
  all.add_content_style_split("a dog", "oil").create_attention_barrier(left).redirect_attention(left, sky, right);
  all.enhance_global_coherence().add_regional_injection("output:1", "snow", right);
  CHECK(Program::resolve(all.controls(), inputs).reports().size() == 8);
}

TEST_CASE("corepulse inject multiplies keys and values of the new prompt, in the cond row") {
  UNetPatcher patcher;
  patcher.add_injection("middle:0", "dragon", 2.0, 15.0, 0.0);
  const auto p = plan(patcher.controls()[0]);
  CHECK(p.rows[0][0].plain());
  REQUIRE(p.rows[1].size() == 1);
  CHECK(p.rows[1][0].sources[0].id == 2);
  CHECK(*p.rows[1][0].key_gain == std::vector<float>(77, 2));
  CHECK(*p.rows[1][0].value_gain == std::vector<float>(77, 2));
  CHECK_FALSE(p.rows[1][0].share);
}

TEST_CASE("corepulse reweight scales logits in both rows, at the prompt's positions") {
  const auto p = plan(reweight("cat", 0.5).as(Mode::corepulse));
  for (const auto& row : p.rows) {
    REQUIRE(row.size() == 1);
    CHECK_FALSE(row[0].bias);
    for (int i = 0; i < 77; ++i) CHECK((*row[0].key_gain)[i] == (i == 2 ? 0.5f : 1.f));
  }
  CHECK(plan(reweight("cat", -2).as(Mode::corepulse)).rows[1][0].key_gain);
}

TEST_CASE("corepulse self-attention scales logits between hard regions, in both rows") {
  const auto left = rectangle(0, 0, 0.45, 1), right = rectangle(0.55, 0, 0.45, 1);
  const auto enhanced = plan(attend(right, 3).within(left).as(Mode::corepulse), false);
  for (const auto& row : enhanced.rows) {
    REQUIRE(row.size() == 2);
    for (int x = 0; x < 8; ++x) {
      CHECK((*row[1].share)[x] == (x < 4 ? 1 : 0));  // 0.45 of 8 columns: more than half of column 3
      CHECK((*row[1].key_gain)[x] == (x > 3 ? 3 : 1));
    }
  }
  auto redirect = attend(right, 3).within(left).as(Mode::corepulse);
  std::get<Attend>(redirect.effect).interaction = Attend::Interaction::redirect;
  const auto redirected = plan(redirect, false);
  CHECK((*redirected.rows[1][1].key_gain)[0] == 0.5f);
  CHECK((*redirected.rows[1][1].key_gain)[7] == 3);
  const auto everywhere = plan({.effect = Attend{.scale = 2}, .mode = Mode::corepulse}, false);
  CHECK(*everywhere.rows[0][0].key_gain == std::vector<float>(64, 2));
  const auto smoothed = plan(smooth(0.25).as(Mode::corepulse), false);
  CHECK(*smoothed.rows[1][0].key_gain == std::vector<float>(64, 0.75));
  CHECK(smoothed.rows[0][0].key_gain == smoothed.rows[1][0].key_gain);
}

TEST_CASE("the plain mean forgets what was said about logits") {
  const auto inputs = run();
  const auto p =
      Program::resolve({corepulse::Control{.effect = Attend{.scale = 2}, .mode = Mode::corepulse}, smooth(1)}, inputs)
          .plan(site_of(inputs.sites, "middle:0", false), with_rows(inputs.calls[0]));
  CHECK(std::isinf(p.rows[1][0].temperature));
  CHECK_FALSE(p.rows[1][0].key_gain);
}

TEST_CASE("corepulse sharpen is a function of the engine, told by name and number") {
  const auto inputs = run();
  const auto program = Program::resolve(
      {{.effect = Attend{.scale = 1.5, .interaction = Attend::Interaction::sharpen}, .mode = Mode::corepulse}}, inputs);
  REQUIRE(program.functions().size() == 1);
  CHECK(program.functions()[0] == FunctionSpec{"corepulse.sharpen", 1.5, true});
  const auto p = program.plan(site_of(inputs.sites, "middle:0", false), with_rows(inputs.calls[0]));
  CHECK(p.rows[0][0].function == 0);
}

TEST_CASE("what CorePulse ignored silently is an error") {
  const auto left = rectangle(0, 0, 0.5, 1);
  const auto refused = [](const corepulse::Control& control) { return !error_of({control}, run()).empty(); };
  CHECK(refused(attend(left, 3).as(Mode::corepulse)));
  CHECK(refused(corepulse::Control{.effect = Attend{.scale = 2}, .mode = Mode::corepulse}.within(left)));
  CHECK(refused(smooth(0.5).within(left).as(Mode::corepulse)));
  CHECK(refused({.effect = Attend{.scale = 2, .interaction = Attend::Interaction::redirect}, .mode = Mode::corepulse}));
}

TEST_CASE("the ComfyUI node: both rows times its weight, windows by percentage, seeded noise") {
  auto control = inject("a dragon").gains(1.5, 1.5).percent(0, 0.5).as(Mode::comfy);
  std::get<Inject>(control.effect).noise = 0.2, std::get<Inject>(control.effect).noise_seed = 7;
  const auto inputs = run();
  const auto program = Program::resolve({control}, inputs);
  const auto site = site_of(inputs.sites, "middle:0");
  const auto p = program.plan(site, with_rows(inputs.calls[0]));
  CHECK(p.rows[0][0].sources[0].id == 1);
  CHECK(*p.rows[0][0].key_gain == std::vector<float>(77, 1.5));
  CHECK(program.texts()[p.rows[1][0].sources[0].id] ==
        ContextSpec{.prompt = "a dragon", .noise = 0.2, .noise_seed = 7});
  CHECK(*p.rows[1][0].value_gain == std::vector<float>(77, 1.5));
  CHECK_FALSE(is_plain(program, site, with_rows(inputs.calls[9])));  // timestep 526
  CHECK(is_plain(program, site, with_rows(inputs.calls[10])));       // timestep 473
}

}  // namespace corepulse::control::test
