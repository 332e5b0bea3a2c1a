// Explanations equal what a run counts.
#include "control/program/explain.h"

#include <doctest/doctest.h>
#include <map>
#include <nlohmann/json.hpp>

#include "support.h"

namespace corepulse::control::test {
namespace {

using Controls = std::vector<corepulse::Control>;

const Controls kControls{inject("a dragon").at("middle:0, output:0").sigma(15, 0.5).strength(0.8),
                         reweight("park", 0.3).at("output:1"),
                         temperature(1),
                         inject("snow").enable(false),
                         guidance({{0, 3}, {1, 5}}),
                         inject("snow").strength({{0, 0}, {0.5, 1}}).within(rectangle(0, 0, 0.5, 1).feather(0.05)),
                         smooth(0.5).at("fine").steps(2, 4),
                         capture("cat").at("output:1").steps(0, 10)};

ProgramInputs run() {
  return run_of(builtin_sites(), "a cat in a park", 256, 256);
}

}  // namespace

TEST_CASE("the table equals the counters of a run that asks for every plan") {
  const auto inputs = run();
  const auto program = Program::resolve(kControls, inputs);
  std::map<int, int> pairs;
  std::map<int, std::set<std::string>> layers;
  std::map<int, std::set<int>> calls;
  int changed = 0;
  for (size_t call = 0; call < inputs.calls.size(); ++call)
    for (const auto& site : inputs.sites) {
      const auto step = with_rows(inputs.calls[call]);
      const auto& acting = program.acting(site, step);
      CHECK(is_plain(program, site, step) == acting.empty());
      changed += !acting.empty();
      for (const int i : acting) ++pairs[i], layers[i].insert(site.path), calls[i].insert(static_cast<int>(call));
    }
  CHECK(changed > 0);
  const auto json = nlohmann::json::parse(explain_json(program));
  REQUIRE(json["controls"].size() == kControls.size());
  for (const int i : {0, 1, 2, 3, 5, 6}) {
    CAPTURE(i);
    const auto& control = json["controls"][i];
    CHECK(control["pairs"] == pairs[i]);
    CHECK(control["calls"].get<std::set<int>>() == calls[i]);
    CHECK(control["layers"].get<std::set<std::string>>() == layers[i]);
  }
  CHECK(json["controls"][0]["pairs"] == 4 * 11);
  CHECK(json["controls"][2]["state"] == "neutral");
  CHECK(json["controls"][2]["reason"] == "the temperature is 1");
  CHECK(json["controls"][3]["state"] == "disabled");
  CHECK(json["controls"][4]["calls"].size() == 19);  // at the last step it is the run's own
  CHECK(json["controls"][7]["pairs"] == 3 * 10);
  CHECK(json["controls"][1]["tokens"] == nlohmann::json::parse(R"([{"text": 0, "positions": [5]}])"));
  const auto& cells = json["controls"][5]["region"];
  REQUIRE(cells.size() == 3);
  CHECK(cells[0] == nlohmann::json::parse(R"({"height": 32, "width": 32, "touched": 544, "whole": 480, "mean": 0.5})"));
}

TEST_CASE("the rows of a call and what each image reads are told, where they change and where not") {
  auto inputs = run();
  const auto has = [](const std::string& text, const std::string& part) { return text.find(part) != text.npos; };
  CHECK(has(explain_text(Program::resolve({}, inputs)), "\n2 rows a call: negative, prompt\n"));
  const Controls guided{inject("a dragon"), guide_by(GuideBy::Perturb::identity, {{0, 3}, {0.5, 3}, {0.5, 0}}),
                        guide_by(GuideBy::Perturb::blur).at("middle:0").steps(0, 5)};
  const auto text = explain_text(Program::resolve(guided, inputs));
  CHECK(has(text, "\n4 rows a call in steps 0..4: negative, prompt, perturbed by [1], perturbed by [2]\n"));
  CHECK(has(text, "\n3 rows a call in steps 5..9: negative, prompt, perturbed by [1]\n"));
  CHECK(has(text, "\n2 rows a call in steps 10..19: negative, prompt\n"));
  inputs.batch = 3, inputs.guidance = 1;
  const Controls edited{prompt_to_prompt("a dog in a park").for_images({2}),
                        guide_by(GuideBy::Perturb::blur, 2).for_images({0, 1})};
  const auto program = Program::resolve(edited, inputs);
  CHECK(has(explain_text(program), "\n2 rows a call for each image: prompt, perturbed by [1] (images 0, 1)\n"));
  CHECK(has(explain_text(program), "0 \"a cat in a park\" (prompt of images 0, 1)\n"));
  CHECK(has(explain_text(program), "2 \"a dog in a park\" (prompt of image 2)\n"));
  const auto json = nlohmann::json::parse(explain_json(program));
  CHECK(json["prompts"] == nlohmann::json::parse("[0, 0, 2]"));
  CHECK(json["calls"][0]["rows"] == nlohmann::json::parse(
                                        R"([{"of": "prompt"},
                                            {"of": "perturbed", "control": 1, "scale": 2, "images": [0, 1]}])"));
}

TEST_CASE("every region of a control is accounted for") {
  const Region left = rectangle(0, 0, 0.5, 1), top = rectangle(0, 0, 1, 0.25);
  const auto program = Program::resolve(
      {regions({{"a cat", left}, {"a dog", top}}).at("middle:0"), attend(top, 2).within(left).at("middle:0")}, run());
  const auto text = explain_text(program);
  for (const char* part : {"    prompts[0].region on the 8x8 grid: 32 of 64 cells, 32 of them whole, mean 0.5000",
                           "    prompts[1].region on the 8x8 grid: 16 of 64 cells, 16 of them whole, mean 0.2500",
                           "    region on the 8x8 grid: 32 of 64 cells, 32 of them whole, mean 0.5000",
                           "    target on the 8x8 grid: 16 of 64 cells, 16 of them whole, mean 0.2500"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  const auto json = nlohmann::json::parse(explain_json(program));
  CHECK(json["controls"][0]["region"][1]["of"] == "prompts[1].region");
  CHECK(json["controls"][1]["region"][0].count("of") == 0);
}

TEST_CASE("words of injected prompts that are cut off, and neutral controls, are noted") {
  std::string prompt = "a";
  for (int i = 0; i < 74; ++i) prompt += " b";
  const auto program = Program::resolve({inject(prompt + " red house"), temperature(1)}, run());
  REQUIRE(program.notes().size() == 2);
  CHECK(program.notes()[0].find("is longer than 75 tokens; not read: \"red house\"") != std::string::npos);
  CHECK(program.notes()[1] == "controls[1], temperature, changes nothing: the temperature is 1");
  CHECK(explain_text(program).find("not read: \"red house\"") != std::string::npos);
}

TEST_CASE("the text says what acts where") {
  const auto text = explain_text(Program::resolve(kControls, run()));
  for (const char* part :
       {"[0] inject \"a dragon\"", "acts on 11 of 20 steps (0..10), 4 of 16 cross-attention layers: middle:0, output:0",
        "tokens 5 of text 0 \"a cat in a park\"", "changes nothing, left out: the temperature is 1", "switched off",
        "region on the 8x8 grid: 40 of 64 cells, 24 of them whole, mean 0.5000",
        "acts on 2 of 20 steps (2..3), 5 of 16 self-attention layers: input:0, output:2"}) {
    CAPTURE(part);
    CHECK(text.find(part) != std::string::npos);
  }
  CHECK(text.find("  middle:0  8x8    1+1") != std::string::npos);
  CHECK(explain_text(Program::resolve({}, run())).find("no controls") != std::string::npos);
}

}  // namespace corepulse::control::test
