// The doctor's judgement: what passes, what does not, and what nobody knows yet.
#include "corepulse/doctor.h"

#include <cmath>
#include <cstdio>
#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "pipeline/doctor/self_test.h"

using namespace corepulse;
using Verdict = SelfTest::Verdict;

namespace {

doctor::Numbers shifted(float latents, float colours) {
  auto numbers = doctor::stored_numbers();
  numbers.latents[5] += latents, numbers.colours[7] += colours;
  return numbers;
}

}  // namespace

TEST_CASE("the stored numbers are those of a run in float32 on a CPU") {
  const auto numbers =
      doctor::run_self_test({.dtype = ComputeType::float32, .device = LoadOptions::Device::cpu}, nullptr);
  REQUIRE(numbers.latents.size() == doctor::kLatents);
  REQUIRE(numbers.colours.size() == size_t{3} * doctor::kParts * doctor::kParts);
  const auto test = doctor::judge("cpu f32", numbers);
  CAPTURE(test.latents);
  CAPTURE(test.picture);
  CHECK(test.verdict == Verdict::passed);
}

TEST_CASE("a known class passes within its bounds and fails beyond either") {
  CHECK(doctor::judge("cpu f32", doctor::stored_numbers()).verdict == Verdict::passed);
  CHECK(doctor::judge("cpu f32", shifted(0.1f, 0)).verdict == Verdict::failed);
  CHECK(doctor::judge("cpu f32", shifted(0, 2)).verdict == Verdict::failed);
}

TEST_CASE("a class that nobody measured is unknown, but not where it is far off or not finite") {
  const auto test = doctor::judge("metal f16", shifted(0.1f, 2));
  CHECK(test.verdict == Verdict::unknown);
  CHECK(test.message.find("no numbers are stored for metal f16 yet") != std::string::npos);
  CHECK(doctor::judge("metal f16", shifted(100, 0)).verdict == Verdict::failed);
  CHECK(doctor::judge("metal f16", shifted(NAN, 0)).verdict == Verdict::failed);
  CHECK(doctor::judge("metal f16", shifted(0, 100)).verdict == Verdict::failed);
  CHECK(doctor::judge("metal f16", {{1, 2}, {3}}).verdict == Verdict::failed);
}

TEST_CASE("JSON holds null where a difference is infinite") {
  Findings findings;
  findings.self_test = doctor::judge("metal f16", shifted(NAN, 0));
  const auto json = nlohmann::json::parse(to_json(findings));
  CHECK(json["self_test"]["latents"].is_null());
  CHECK(json["self_test"]["verdict"] == "failed");
}

TEST_CASE("a page is silent of steps that nobody asked to be timed") {
  CHECK(to_text(Findings{}).find("A step") == std::string::npos);
}

TEST_CASE("a page tells why there is no time, little memory in MB, and a variable that is empty") {
  Findings findings;
  findings.step.problem = "[generate] no number";
  findings.machine.memory = 250'000'000;
  findings.machine.environment = {{"MLX_ENABLE_TF32", ""}};
  const auto page = to_text(findings);
  for (const char* part : {"  none: [generate] no number\n", "250 MB\n", "MLX_ENABLE_TF32", "\"\"\n"}) {
    CAPTURE(part);
    CHECK(page.find(part) != std::string::npos);
  }
}

// Prints src/pipeline/doctor/self_test_numbers.cpp: test_pipeline --no-skip --test-case="print the stored numbers".
TEST_CASE("print the stored numbers" * doctest::skip()) {
  const auto numbers =
      doctor::run_self_test({.dtype = ComputeType::float32, .device = LoadOptions::Device::cpu}, nullptr);
  for (const auto* list : {&numbers.latents, &numbers.colours}) {
    std::printf("{");
    for (const float number : *list) std::printf("%.6g,", double(number));
    std::printf("}\n");
  }
}
