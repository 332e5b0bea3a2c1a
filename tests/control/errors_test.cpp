// Controls that are wrong or can never act: errors before the run, naming the choices.
#include <cmath>
#include <doctest/doctest.h>
#include <limits>

#include "corepulse/error.h"

#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;

ProgramInputs run() {
  return run_of(sd15_sites(), "a cat in a park");
}

std::string error(const corepulse::Control& control) {
  return error_of({control}, run());
}

bool refuses(const corepulse::Control& control, const std::string& part) {
  const auto message = error(control);
  INFO(message);
  return message.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a phrase that is in no prompt is an error that shows the prompts") {
  CHECK(error(reweight("dog", 2)) ==
        "[controls[0]] the phrase \"dog\" is in no prompt that is read here; expected whole words of: "
        "\"a cat in a park\"");
  CHECK(refuses(reweight("ca", 2), "the phrase \"ca\""));  // half a word
  CHECK(refuses(reweight(Tokens("a", 3), 2), "the phrase \"a\" (occurrence 3)"));
  // The prompt is not read any more where another one is injected as a whole.
  CHECK(error_of({inject("a dragon"), reweight("cat", 2)}, run()) ==
        "[controls[1]] the phrase \"cat\" is in no prompt that is read here; expected whole words of: "
        "\"a dragon\"");
  CHECK(error_of({inject("a dragon").at("middle:0"), reweight("cat", 2)}, run()).empty());
  CHECK(error_of({inject("a dragon"), reweight("dragon", 2)}, run()).empty());
  CHECK(refuses(capture("dog"), "the phrase \"dog\""));
}

TEST_CASE("a phrase that was cut off is an error that says so") {
  std::string prompt = "a";
  for (int i = 0; i < 90; ++i) prompt += " b";
  const auto inputs = run_of(sd15_sites(), prompt + " cat");
  CHECK(error_of({reweight("cat", 2)}, inputs).find("cut off where the text encoder ends: shorten the prompt") !=
        std::string::npos);
  CHECK(error_of({reweight("b", 2)}, inputs).empty());
}

TEST_CASE("layers, windows, regions, rows, images and heads that do not exist are errors") {
  CHECK(refuses(inject("x").at("input:7"), "[controls[0].where] \"input:7\" names no attention layer"));
  CHECK(refuses(inject("x").steps(30, 40), "[controls[0].when] steps 30..40 meets no step; this run has steps 0..19"));
  CHECK(error(inject("x").within(rectangle(2, 2, 1, 1))) ==
        "[controls[0].region] the region is empty at every layer it acts on (grids 64x64, 32x32, 16x16, 8x8); "
        "expected some of the 512x512 picture");
  CHECK(refuses(regions({{"x", rectangle(0, 0, 1, 1)}, {"y", circle(9, 9, 1)}}),
                "[controls[0].prompts[1].region] the region is empty"));
  CHECK(refuses(attend(circle(9, 9, 1), 2), "[controls[0].target] the region is empty"));
  CHECK(refuses(inject("x").for_images({1}),
                "[controls[0].images[0]] image 1; this run's images are 0..0, one for each seed"));
  CHECK(refuses(share_image(2), "[controls[0].image] image 2"));
  CHECK(refuses(share_image(0), "image 0 would look at itself"));
  CHECK(refuses(share_recording("style"), "[controls[0].recording] no recording \"style\" is loaded"));
  CHECK(refuses(inject("x").for_heads({8}), "[controls[0].heads[0]] head 8; the layers it acts on have heads 0..7"));
  auto unguided = run();
  unguided.guidance = 1;
  CHECK(error_of({inject("x").on(Rows::uncond)}, unguided).find("there is no guidance") != std::string::npos);
  CHECK(error_of({negative("x")}, unguided).find("there is no guidance") != std::string::npos);
  CHECK(error_of({guidance({{0, 1}, {0.5, 3}}), negative("x")}, unguided).empty());
  CHECK(error_of({inject("x").on(Rows::both)}, unguided).empty());
  unguided.guidance = 0.5;
  CHECK(error_of({negative("x")}, unguided).empty());
  unguided.guided_below_one = false;
  CHECK(error_of({negative("x")}, unguided).find("there is no guidance") != std::string::npos);
}

TEST_CASE("numbers out of range are errors at their field") {
  constexpr double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(error(inject("x").strength(1.5)) == "[controls[0].strength] 1.5; expected 0..1");
  CHECK(error(reweight("cat", -1)) == "[controls[0].scale] -1; expected 0 or more");
  CHECK(error(temperature(0)) == "[controls[0].value] 0; expected more than 0");
  CHECK(error(inject("x").strength({{0.5, 1}, {0.2, 1}})) ==
        "[controls[0].strength] progress 0.2 after 0.5; expected points in order of progress");
  for (const double bad : {nan, double(INFINITY), double(-INFINITY)}) {
    CHECK_FALSE(error(inject("x").strength(bad)).empty());
    CHECK_FALSE(error(inject("x").gains(bad, 1)).empty());
    CHECK_FALSE(error(inject("x").gains(1, bad)).empty());
    CHECK_FALSE(error(reweight("cat", bad)).empty());
    CHECK_FALSE(error(value_gain("cat", bad)).empty());
    CHECK_FALSE(error(temperature(bad)).empty());
    CHECK_FALSE(error(guidance(bad)).empty());
    CHECK_FALSE(error(attend(circle(0.5, 0.5, 0.1), bad)).empty());
    CHECK_FALSE(error(regions({{"x", circle(0.5, 0.5, 0.1)}}, bad)).empty());
    CHECK_FALSE(error(inject("x").strength({{bad, 1}, {1, 1}})).empty());
  }
  CHECK_FALSE(error(inject("x").strength(Curve(std::vector<std::pair<double, double>>{}))).empty());
}

TEST_CASE("fields a kind does not have are errors, whoever set them") {
  CHECK(error(guidance(3).at("middle:0")) == "[controls[0].where] guidance has no such field; leave it out");
  CHECK(refuses(negative("x").on(Rows::both), "[controls[0].rows]"));
  CHECK(refuses(capture("cat").within(circle(0.5, 0.5, 0.1)), "[controls[0].region]"));
  CHECK(refuses(temperature(2).as(Mode::corepulse), "[controls[0].mode]"));
  CHECK(refuses(reweight("cat", 2).as(Mode::comfy), "the ComfyUI node has no reweight; expected inject"));
  CHECK(refuses(reweight("  ", 2), "[controls[0].phrase] no words"));
  CHECK(refuses(corepulse::Control{.effect = Attend{}}, "the field \"target\" is missing"));
  CHECK(refuses(corepulse::Control{.effect = Share{}}, "expected either image"));
  const Share instead{.image = 0, .how = Share::How::instead};
  const auto with = [](Share e, auto change) { return change(e), share(e); };
  CHECK(refuses(with(instead, [](Share& e) { e.align = true; }), "[controls[0].align] nothing of its own"));
  CHECK(refuses(with(instead, [](Share& e) { e.shift = 1; }), "[controls[0].shift] no other keys"));
  CHECK(refuses(share({.image = 0, .align_values = true}), "[controls[0].align_values] it belongs to align"));
  CHECK(refuses(share({.image = 0, .fidelity = 0.5}), "[controls[0].fidelity] it is of the negative prompt's rows"));
  CHECK(refuses(share({.image = 0, .fidelity = 1.5}).on(Rows::both), "[controls[0].fidelity]"));
  CHECK(refuses(share({.image = 0, .gain_k = {{0, INFINITY}}}), "[controls[0].gain_k]"));
  CHECK(refuses(corepulse::Control{.effect = Inject{.prompt = "x", .noise = 1}}, "[controls[0].noise]"));
  CHECK(refuses(mask_tokens("cat").context(TokenContext::replace), "[controls[0].context]"));
  CHECK(refuses(pooled("x"), "pooled needs a model of the SDXL family"));
  CHECK(refuses(corepulse::Control{.effect = Capture{.what = Capture::What::keys}}, "\"name\" is missing"));
  CHECK_THROWS_AS(static_cast<void>(guidance(3).strength(1)), Error);
  CHECK_THROWS_AS(static_cast<void>(reweight("x", 1).gains(1, 1)), Error);
  CHECK_THROWS_AS(static_cast<void>(inject("x").occurrence(1)), Error);
  CHECK_THROWS_AS(static_cast<void>(inject("x").context(TokenContext::keep)), Error);
}

TEST_CASE("what guides and what edits by another image says what it needs") {
  const auto edit = prompt_to_prompt("a dog in a park");
  CHECK(refuses(edit, "there is no other image than 0 to edit"));
  CHECK(refuses(edit, "--seed 3,3"));
  auto two = run();
  two.batch = 2;
  CHECK(error_of({edit}, two).empty());
  CHECK(error_of({edit.for_images({0})}, two).find("[controls[0].images] image 0 is the one") == 0);
  CHECK(error_of({edit, prompt_to_prompt("a fox in a park")}, two).find("[controls[1].prompt] image 1 has another") ==
        0);
  CHECK(error_of({prompt_to_prompt("a dog", PromptToPrompt::Method::replace)}, two).find("2 words; \"replace\"") !=
        std::string::npos);
  auto words = edit;
  std::get<PromptToPrompt>(words.effect).words = {{"cat", 0.5}};
  CHECK(error_of({words}, two).find("[controls[0].words[0]]") == 0);
  CHECK(refuses(normalized_guidance("x").for_heads({0}), "[controls[0].heads]"));
  CHECK(refuses(corepulse::Control{.effect = NormalizedGuidance{.limit = 0}}, "[controls[0].limit]"));
  CHECK(refuses(guide_by(GuideBy::Perturb::identity).on(Rows::cond), "[controls[0].rows]"));
  CHECK(refuses(corepulse::Control{.effect = GuideBy{.blur_sigma = 2}}, "[controls[0].blur_sigma]"));
}

TEST_CASE("asking for a call or a row that the run has not is a defect, not a guess") {
  const auto inputs = run();
  const auto program = Program::resolve({}, inputs);
  Step strange = with_rows(inputs.calls[3]);
  strange.index = 50;
  CHECK_THROWS_AS(program.plan(inputs.sites[0], strange), Error);
  for (const int call : {-1, 2, 4, 50}) {
    strange = with_rows(inputs.calls[3]);
    strange.call = call;
    CHECK_THROWS_AS(program.step(strange), Error);
  }
  strange = with_rows(inputs.calls[3]);
  strange.sigma *= 1.01;
  CHECK_THROWS_AS(program.step(strange), Error);
  strange = with_rows(inputs.calls[3]);
  strange.first_evaluation = false;
  CHECK_THROWS_AS(program.step(strange), Error);
  CHECK_THROWS_AS(program.plan(inputs.sites[0], with_rows(inputs.calls[3], 2)), Error);
}

}  // namespace corepulse::control::test
