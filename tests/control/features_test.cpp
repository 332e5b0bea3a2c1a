// What features and a share of maps plan: whose, where, when, how much; what a recording must hold for them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "corepulse/error.h"
#include "corepulse/recipe.h"

#include "control/program/explain.h"
#include "support.h"

namespace corepulse::control::test {
namespace {

constexpr auto kMap = Share::How::map;

/** The resnets of Stable Diffusion 1.5. */
std::vector<Site> resnets() {
  std::vector<Site> all;
  const auto add = [&](BlockKind kind, int block, int layer, int level, int ldm, const std::string& path) {
    all.push_back({static_cast<int>(all.size()), kind, block, layer, -1, false, 0, level, ldm,
                   fmt::format("{}.resnets.{}", path, layer)});
  };
  for (int b = 0; b < 4; ++b)
    for (int l = 0; l < 2; ++l) add(BlockKind::input, b, l, b, 1 + 3 * b + l, fmt::format("down_blocks.{}", b));
  for (int l = 0; l < 2; ++l) add(BlockKind::middle, 0, l, 3, 0, "mid_block");
  for (int b = 0; b < 4; ++b)
    for (int l = 0; l < 3; ++l) add(BlockKind::output, b, l, 3 - b, 3 * b + l, fmt::format("up_blocks.{}", b));
  return all;
}

/** "f" holds two resnets of steps 0 to 2, "k" the keys of middle:0; both the prompt's row alone. */
ProgramInputs run(int batch = 2) {
  auto inputs = run_of(sd15_sites(), "a cat in a park");
  inputs.calls = schedule(5);
  inputs.batch = batch;
  inputs.resnets = resnets();
  RecordingInfo features{.name = "f", .sites = {"up_blocks.1.resnets.1", "up_blocks.1.resnets.2"}, .steps = {0, 1, 2}};
  for (const int step : features.steps) features.sigmas.push_back(inputs.calls[step].sigma);
  features.latent_height = features.latent_width = 64, features.unconditional = false;
  auto keys = features;
  keys.name = "k", keys.sites = {site_of(inputs.sites, "middle:0", false).path};
  inputs.recordings = {features, keys};
  return inputs;
}

bool refuses(const corepulse::Control& control, const std::string& part, const ProgramInputs& inputs = run()) {
  const auto message = error_of({control}, inputs);
  INFO(message);
  return message.find(part) != std::string::npos;
}

/** The paths of what a mix acts at. */
std::vector<std::string> paths(const FeatureMix& mix) {
  std::vector<std::string> all;
  for (const auto& resnet : resnets())
    if (mix.resnets[resnet.index]) all.push_back(resnet.path);
  return all;
}

corepulse::Control recorded(Capture::What what) {
  return {.effect = Capture{.name = "x", .what = what}};
}

}  // namespace

TEST_CASE("features are mixed at the resnets, calls, rows and images that a control names, by its curve and region") {
  const auto inputs = run();
  const auto control = features(0)
                           .at("output:1.1, ldm:output_7")
                           .steps(1, 4)
                           .within(rectangle(0, 0, 0.5, 1))
                           .on(Rows::cond)
                           .strength({{0, 0.5}, {0.5, 1}, {0.75, 0}});
  const auto program = Program::resolve({control}, inputs);
  for (const auto& call : inputs.calls) {
    const auto plan = program.step(call);
    const bool acts = call.index == 1 || call.index == 2;
    CHECK(plan.joins_images == acts);
    REQUIRE(plan.mixes.size() == (acts ? 1 : 0));
    if (!acts) continue;
    const auto& mix = plan.mixes[0];
    CHECK(mix.source == Source{Source::Kind::image, 0});
    CHECK(mix.strength == (call.index == 1 ? 0.75f : 1));
    CHECK(paths(mix) == std::vector<std::string>{"up_blocks.1.resnets.1", "up_blocks.2.resnets.1"});
    CHECK(mix.has({1, kPrompt}));
    CHECK_FALSE(mix.has({0, kPrompt}));  // whose they are
    CHECK_FALSE(mix.has({1, kNegative}));
    for (const auto& resnet : inputs.resnets) CHECK((mix.region[resnet.index] != nullptr) == mix.resnets[resnet.index]);
    const auto& region = *mix.region[14];  // up_blocks.1.resnets.1: 16 x 16
    REQUIRE(region.size() == 256);
    CHECK((region[7] == 1 && region[8] == 0));
  }
  const auto& report = program.reports()[0];
  CHECK((report.pairs == 4 && report.state == ControlReport::State::acts));
  const auto json = nlohmann::json::parse(explain_json(program))["controls"][0];
  CHECK(json["resnets"] == std::vector<std::string>{"up_blocks.1.resnets.1", "up_blocks.2.resnets.1"});
  CHECK(json["region"].size() == 2);
  CHECK(explain_text(program).find(
            "acts on 2 of 5 steps (1..2), 2 of 22 resnets: output:1 (1 of 3), output:2 (1 of 3)") != std::string::npos);
}

TEST_CASE("names that others gave to attention layers are no places of features, and the error says that") {
  CHECK(refuses(features(0).at("instantstyle:style"), "\"instantstyle:style\" means attention layers"));
}

TEST_CASE("features of strength 0 are left out, and the whole picture is no region") {
  const auto inputs = run();
  const auto off = Program::resolve({features(0).strength(0)}, inputs);
  for (const auto& call : inputs.calls) CHECK((off.step(call).mixes.empty() && !off.step(call).joins_images));
  CHECK(off.reports()[0].state == ControlReport::State::neutral);
  const auto whole = Program::resolve({features(0).within(rectangle(0, 0, 1, 1))}, inputs);
  const auto plain = Program::resolve({features(0)}, inputs);
  for (const auto& call : inputs.calls) CHECK(whole.step(call).mixes == plain.step(call).mixes);
}

TEST_CASE("recorded features act where and when they were recorded, also in rows that were not") {
  const auto inputs = run(1);
  const auto program = Program::resolve({features("f")}, inputs);
  for (const auto& call : inputs.calls) {
    const auto plan = program.step(call);
    CHECK_FALSE(plan.joins_images);
    REQUIRE(plan.mixes.size() == (call.index < 3 ? 1 : 0));
    if (call.index >= 3) continue;
    CHECK(plan.mixes[0].source == Source{Source::Kind::recording, 0});
    CHECK(paths(plan.mixes[0]) == inputs.recordings[0].sites);
    CHECK((plan.mixes[0].has({0, kPrompt}) && plan.mixes[0].has({0, kNegative})));
  }
  CHECK(error_of({features("f").at("output:1.1").steps(0, 3)}, inputs).empty());
}

TEST_CASE("a share of maps asks and is asked as the other, and reads the own values") {
  const auto inputs = run();
  const auto site = site_of(inputs.sites, "middle:0", false);
  for (const auto& [control, source] : {std::pair{share_image(0, kMap), Source{Source::Kind::image, 0}},
                                        std::pair{share_recording("k", kMap), Source{Source::Kind::recording, 1}}}) {
    const auto plan = Program::resolve({control.on(Rows::both)}, inputs).plan(site, with_rows(inputs.calls[0], 2));
    for (const int row : {1, 3}) {  // of image 1
      REQUIRE(plan.rows[row].size() == 1);
      const auto& reading = plan.rows[row][0];
      CHECK(reading.unedited());
      CHECK(reading.query == source);
      CHECK(reading.sources == std::vector{source});
      CHECK(reading.values == std::vector{Source{Source::Kind::own, 0}});
    }
  }
  const auto sharper = Program::resolve({share({.image = 0, .how = kMap, .strength = 0.5, .gain_k = 2})}, inputs);
  const auto plan = sharper.plan(site, with_rows(inputs.calls[0], 2));
  REQUIRE(plan.rows[3].size() == 2);
  CHECK((*plan.rows[3][1].share)[0] == 0.5f);
  CHECK((*plan.rows[3][1].key_gain)[0] == 2);
  CHECK(plan.rows[1][0].plain());  // the negative prompt's row
}

TEST_CASE("features, maps and recordings of features are written as they are read") {
  const std::vector<corepulse::Control> list{{.effect = Features{.recording = "f", .strength = 0.5, .sha256 = "ab34"}},
                                             features(0).at("output:1.1").within(rectangle(0, 0, 0.5, 1)),
                                             share_recording("k", kMap).on(Rows::both),
                                             recorded(Capture::What::features)};
  CHECK(controls_from_json(to_json(list)) == list);
}

TEST_CASE("a capture of features watches resnets, and acts nowhere") {
  const auto inputs = run(1);
  const auto program = Program::resolve({recorded(Capture::What::features).at("output:1.1").steps(1, 3)}, inputs);
  for (const auto& call : inputs.calls) {
    const auto plan = program.step(call);
    REQUIRE(plan.watched.size() == (call.index == 1 || call.index == 2 ? 1 : 0));
    for (const auto& watch : plan.watched) CHECK((watch.capture == 0 && watch.resnets[14] && !watch.resnets[13]));
    for (const auto& site : inputs.sites) CHECK(is_plain(program, site, with_rows(call)));
    for (const auto& site : inputs.sites) CHECK(program.plan(site, with_rows(call)).captures.empty());
  }
  CHECK(program.reports()[0].pairs == 2);
  const auto json = nlohmann::json::parse(explain_json(program));
  CHECK(json["captures"][0]["layers"] == std::vector<std::string>{"up_blocks.1.resnets.1"});
  for (const auto& block : json["blocks"])
    for (const auto& acting : block["acting"]) CHECK(acting.empty());
}

TEST_CASE("calls that watch features are not alike; those that mix the same are, whatever the numbers") {
  const auto inputs = run();
  const auto alike_of = [&](const corepulse::Control& control) {
    const auto program = Program::resolve({control}, inputs);
    return alike(program, inputs.sites, with_rows(inputs.calls[0], 2), with_rows(inputs.calls[1], 2));
  };
  CHECK(alike_of(features(0).strength({{0, 1}, {1, 0.5}})));
  CHECK(alike_of(features("f")));
  CHECK_FALSE(alike_of(features(0).steps(1, 2)));
  CHECK_FALSE(alike_of(recorded(Capture::What::features).for_images({0})));
  CHECK_FALSE(alike_of(share_recording("k", kMap)));
}

TEST_CASE("images that take something of each other are blurred together, and have the same weights") {
  const auto blurred = guide_by(GuideBy::Perturb::map, 1).at("middle:0");
  for (const auto& joining : {features(0), share_image(0, kMap), share_image(0)}) {
    CHECK(error_of({joining, blurred}, run()).empty());
    CHECK(error_of({joining, blurred.for_images({1})}, run()).find("[controls[1].images] images look at each other") !=
          std::string::npos);
    CHECK(error_of({joining.steps(0, 2), blurred.for_images({1}).steps(2, 5)}, run()).empty());
  }
}

TEST_CASE("what features cannot be taken from, or at, is refused by its field") {
  CHECK(refuses(features(2), "[controls[0].image] image 2; this run's images are 0..1"));
  CHECK(refuses(features(0).for_images({0}), "image 0 would take its own features"));
  CHECK(refuses(features(0), "image 0 would take its own features", run(1)));
  CHECK(refuses(corepulse::Control{.effect = Features{}}, "expected either image"));
  CHECK(refuses(corepulse::Control{.effect = Features{.image = 0, .sha256 = "ab"}}, "[controls[0].sha256]"));
  CHECK(refuses(features("g"), "[controls[0].recording] no recording \"g\" is loaded"));
  CHECK(refuses(features("k"), "[controls[0].recording] it holds no features of resnets"));
  CHECK(refuses(share_recording("f"), "[controls[0].recording] it holds nothing of self-attention"));
  CHECK(refuses(features("f").at("output:2"), "[controls[0].where] up_blocks.2.resnets.0 was not recorded"));
  CHECK(refuses(features("f").steps(0, 4), "[controls[0].when] step 3 was not recorded"));
  CHECK(refuses(features(0).at("output:1.7"), "[controls[0].where] \"output:1.7\" names no layer"));
  CHECK(refuses(features(0).for_heads({0}), "[controls[0].heads]"));
  CHECK(refuses(features(0).strength(1.5), "[controls[0].strength]"));
  CHECK(refuses(features(0).within(circle(9, 9, 1)), "[controls[0].region] the region is empty"));
  CHECK(refuses(features(0).within(looked_at("cat")), "[controls[0].region] features draws it once"));
  CHECK(refuses(recorded(Capture::What::features), "[controls[0].images] a recording holds one image"));
  CHECK(refuses(share({.image = 0, .how = kMap, .gain_v = 2}), "[controls[0].gain_v] own values are read"));
  CHECK(refuses(share({.image = 0, .how = kMap, .shift = 1}), "[controls[0].shift]"));
  CHECK(refuses(share({.image = 0, .how = kMap, .align = true}), "[controls[0].align]"));
  // Its keys and values are of one row; its map is anybody's.
  CHECK(refuses(share_recording("k", Share::How::instead).on(Rows::both), "[controls[0].rows] only the prompt's row"));
  CHECK(error_of({share_recording("k", kMap).on(Rows::both)}, run()).empty());
}

}  // namespace corepulse::control::test
