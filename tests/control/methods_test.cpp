// The kinds that need more than readings of the own row: prompts by image, rows beyond two, and what comes after all
// readings. And what is refused of them.
#include <cmath>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;
using Perturb = GuideBy::Perturb;
using Method = PromptToPrompt::Method;

ProgramInputs run(int batch = 2) {
  auto inputs = run_of(sd15_sites(), "a red cat in a park");
  inputs.calls = schedule(5);
  inputs.batch = batch;
  return inputs;
}

bool refuses(const Controls& controls, const std::string& part, const ProgramInputs& inputs = run()) {
  const auto message = error_of(controls, inputs);
  INFO(message);
  return message.find(part) != std::string::npos;
}

Step call(const ProgramInputs& inputs, int index, std::vector<Row> rows) {
  auto step = inputs.calls[index];
  step.rows = std::move(rows);
  return step;
}

/** By call, the scale of the only further row; 0: there is none. */
std::vector<double> scales(const Program& program, const ProgramInputs& inputs) {
  std::vector<double> all;
  for (const auto& at : inputs.calls) {
    const auto further = program.step(at).further;
    CHECK(further.size() <= 1);
    all.push_back(further.empty() ? 0 : further[0].scale);
  }
  return all;
}

corepulse::Control edit(PromptToPrompt e) {
  return {.effect = std::move(e)};
}

}  // namespace

TEST_CASE("prompt_to_prompt gives its images their prompt, in all calls, whatever its window") {
  const auto inputs = run(3);
  const auto program =
      Program::resolve({prompt_to_prompt("a red dog in a park").for_images({2}).steps(1, 2).at("middle:0")}, inputs);
  REQUIRE(program.texts().size() == 3);
  CHECK(program.texts()[2].prompt == "a red dog in a park");
  for (const auto& at : inputs.calls) {
    const auto plan = program.step(at);
    CHECK(plan.prompts == std::vector<TextId>{0, 0, 2});
    for (int image = 0; image < 3; ++image) {
      const auto step = call(inputs, at.index, {{image, kPrompt}});
      CHECK(plan.text_of(step.rows[0]) == (image == 2 ? 2 : 0));
      const auto outside = program.plan(site_of(inputs.sites, "output:1"), step).rows[0];
      REQUIRE(outside.size() == 1);
      CHECK(outside[0].plain());
      CHECK(outside[0].sources == std::vector<Source>{{Source::Kind::text, image == 2 ? 2 : 0}});
      CHECK_FALSE(outside[0].query);
    }
    CHECK(plan.joins_images == (at.index == 1));
  }
  CHECK(Program::resolve({prompt_to_prompt("x").enable(false)}, inputs).step(inputs.calls[0]).prompts.empty());
}

TEST_CASE("an edit to the same tokens looks as the other image does, at what it looks at: plain readings") {
  const auto inputs = run();
  const auto program = Program::resolve({prompt_to_prompt("a RED cat in a park")}, inputs);
  const auto at = call(inputs, 0, {{0, kPrompt}, {1, kPrompt}});
  const Source other{Source::Kind::image, 0};
  for (const bool cross : {true, false}) {
    const auto plan = program.plan(site_of(inputs.sites, "middle:0", cross), at);
    CHECK(plan.rows[0] == Program::resolve({}, inputs).plan(site_of(inputs.sites, "middle:0", cross), at).rows[0]);
    REQUIRE(plan.rows[1].size() == 1);
    CHECK(plan.rows[1][0].plain());
    CHECK(plan.rows[1][0].query == other);
    CHECK_FALSE(plan.rows[1][0].map);
  }
}

TEST_CASE("a perturbed row is there in its window, for its images, where its scale is not 0") {
  const auto inputs = run();
  CHECK(scales(Program::resolve({guide_by(Perturb::identity, 2).steps(1, 3)}, inputs), inputs) ==
        std::vector<double>{0, 2, 2, 0, 0});
  const auto curve =
      Program::resolve({reweight("cat", 2), guide_by(Perturb::blur, {{0, 2}, {0.5, 0}, {1, -1}})}, inputs);
  CHECK(scales(curve, inputs) == std::vector<double>{2, 1, 0, -0.5, -1});
  const auto further = curve.step(inputs.calls[0]).further.at(0);
  CHECK(further == FurtherRow{FurtherRow::Kind::perturbed, 4, 2, 0, {0, 1}});
  CHECK(Program::resolve({guide_by(Perturb::identity).for_images({1})}, inputs)
            .step(inputs.calls[0])
            .further.at(0)
            .images == std::vector<int>{1});
  // Where it is none, no row of it can be asked for.
  CHECK_THROWS_AS(curve.plan(inputs.sites[0], call(inputs, 2, {{0, 4}})), Error);
  CHECK_THROWS_AS(curve.plan(inputs.sites[0], call(inputs, 0, {{0, 3}})), Error);
  CHECK(curve.plan(inputs.sites[0], call(inputs, 1, {{0, 4}})).rows[0][0].blur);
}

TEST_CASE("a perturbed row has its prompt's row's plan, then its perturbation, and no other row's") {
  const auto inputs = run();
  const Controls controls{inject("a dragon").strength(0.5), guide_by(Perturb::identity).at("middle:0"), temperature(2),
                          guide_by(Perturb::blur).at("middle:0"), reweight("cat", 2).on(Rows::uncond)};
  auto guided = controls;
  guided.back() = reweight("park", 2).on(Rows::both);
  auto own = inputs;
  own.negative_prompt = "the park";
  const auto program = Program::resolve(guided, own);
  const auto at = call(own, 0, {{0, kNegative}, {0, kPrompt}, {0, 4}, {0, 6}});
  const auto cross = program.plan(site_of(own.sites, "middle:0"), at).rows;
  CHECK(cross[1].size() == 2);
  CHECK(cross[2] == cross[1]);
  CHECK(cross[3] == cross[1]);
  const auto self = program.plan(site_of(own.sites, "middle:0", false), at).rows;
  CHECK(self[1][0].temperature == 2);
  CHECK((self[2][0].identity && self[2][0].temperature == 1));
  CHECK((self[3][0].blur && self[3][0].temperature == 2));
  CHECK_FALSE(self[0][0].identity);
  const auto elsewhere = program.plan(site_of(own.sites, "output:1", false), at).rows;
  CHECK(elsewhere[2] == elsewhere[1]);
}

TEST_CASE("normalised guidance reads its negative prompt also where there is no guidance") {
  auto inputs = run(1);
  inputs.guidance = 1, inputs.negative_prompt = "fog";
  const auto at = call(inputs, 0, {{0, kPrompt}});
  const auto finish_of = [&](const corepulse::Control& control) {
    const auto program = Program::resolve({control}, inputs);
    CHECK_FALSE(program.step(inputs.calls[0]).guided);
    const auto plan = program.plan(site_of(inputs.sites, "middle:0"), at);
    REQUIRE(plan.finishes.size() == 1);
    const auto& finish = plan.finishes[0].at(0);
    return program.texts().at(finish.against.at(0).sources[0].id).prompt;
  };
  CHECK(finish_of(normalized_guidance()) == "fog");
  CHECK(finish_of(normalized_guidance("snow")) == "snow");
  for (const auto& neutral : {normalized_guidance({}, 0), normalized_guidance().strength(0)}) {
    const auto program = Program::resolve({neutral}, inputs);
    CHECK(program.plan(site_of(inputs.sites, "middle:0"), at).finishes.empty());
    CHECK(program.reports()[0].state == ControlReport::State::neutral);
  }
  CHECK(Program::resolve({guide_by(Perturb::identity, 0)}, inputs).reports()[0].reason == "its scale is 0");
}

TEST_CASE("what can never act is refused by its field") {
  CHECK(refuses({prompt_to_prompt("a dog")}, "[controls[0]] there is no other image than 0 to edit", run(1)));
  CHECK(refuses({edit({.prompt = "a dog", .image = 2})}, "[controls[0].image] image 2; this run's images are 0..1"));
  CHECK(refuses({edit({.prompt = "a dog", .image = -1})}, "[controls[0].image] image -1"));
  CHECK(refuses({prompt_to_prompt("a dog").for_images({0})}, "[controls[0].images] image 0"));
  CHECK(refuses({prompt_to_prompt("a dog").for_images({2})}, "[controls[0].images[0]] image 2"));
  CHECK(refuses({edit({.prompt = "a dog", .words = {{Tokens("dog"), 1}, {Tokens("cat"), 1}}})},
                "[controls[0].words[1]] \"cat\" is not in its prompt \"a dog\""));
  CHECK(refuses({prompt_to_prompt("a dog", Method::replace)}, "[controls[0].prompt] 2 words; \"replace\""));
  CHECK(refuses({prompt_to_prompt("a dog"), prompt_to_prompt("a bird")},
                "[controls[1].prompt] image 1 has another prompt by controls[0]"));
  CHECK(error_of({prompt_to_prompt("a dog").for_images({1}), prompt_to_prompt("a bird").for_images({2})}, run(3))
            .empty());
  CHECK(error_of({prompt_to_prompt("a dog").at("middle:0"), prompt_to_prompt("a dog").at("output:1")}, run()).empty());
}

TEST_CASE("fields and numbers that these kinds cannot have are refused") {
  CHECK(refuses({guide_by(Perturb::identity).on(Rows::cond)}, "[controls[0].rows]"));
  CHECK(refuses({corepulse::Control{.effect = GuideBy{Perturb::identity, 3, 2.0}}}, "[controls[0].blur_sigma]"));
  for (const double sigma : {0.0, -1.0, double(INFINITY), std::nan("")})
    CHECK(refuses({corepulse::Control{.effect = GuideBy{Perturb::blur, 3, sigma}}}, "[controls[0].blur_sigma]"));
  CHECK(refuses({guide_by(Perturb::identity, INFINITY)}, "[controls[0].scale]"));
  CHECK(refuses({normalized_guidance().for_heads({0})}, "[controls[0].heads]"));
  CHECK(refuses({corepulse::Control{.effect = NormalizedGuidance{.limit = 0}}}, "[controls[0].limit]"));
  CHECK(refuses({corepulse::Control{.effect = NormalizedGuidance{.strength = 1.5}}}, "[controls[0].strength]"));
  CHECK(refuses({normalized_guidance({}, NAN)}, "[controls[0].scale]"));
  CHECK(refuses({edit({.prompt = "a", .cross = 1.1})}, "[controls[0].cross]"));
  CHECK(refuses({edit({.prompt = "a", .self = -0.1})}, "[controls[0].self]"));
  CHECK(refuses({edit({.prompt = "a", .self_tokens = -1})}, "[controls[0].self_tokens]"));
  CHECK(refuses({edit({.prompt = "a", .words = {{"a", 2}}})}, "[controls[0].words[0].cross]"));
  CHECK(refuses({edit({.prompt = "a", .words = {{" ", 1}}})}, "[controls[0].words[0].phrase]"));
  CHECK(refuses({prompt_to_prompt("a").as(Mode::corepulse)}, "[controls[0].mode]"));
}

}  // namespace corepulse::control::test
