// JSON that strangers sent.
#include "http/body.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

#include "http/problem.h"
#include "jobs/job.h"

using namespace corepulse::server;

namespace {

std::string complaint(const std::function<void()>& call) {
  try {
    call();
  } catch (const Problem& problem) {
    CHECK(problem.status == 400);
    return problem.what();
  }
  return "";
}

std::string nested(int depth) {
  std::string text = "1";
  for (int i = 0; i < depth; ++i) text = "{\"a\":" + text + "}";
  return text;
}

}  // namespace

TEST_CASE("JSON is an object of bounded depth and size, without a key twice") {
  CHECK(read_json(R"({"a": [1, {"b": null}], "c": {"b": 1}})").size() == 2);
  CHECK_NOTHROW(read_json(nested(60)));
  for (const std::string& text :
       {std::string(), std::string("[]"), std::string("1"), std::string("{"), std::string("{} {}"),
        std::string("{\"a\":1,\"a\":2}"), std::string("{\"a\":{\"b\":1,\"b\":2}}"), std::string("{\"a\":1e999}"),
        std::string("{\"a\":\"\xff\"}"), std::string("{\"a\":NaN}"), nested(70), nested(100000),
        "{\"a\":[" + std::string(500000, '1') + "]}"})
    CHECK(complaint([&] { read_json(text); }) != "");
  std::string many = "{\"a\":[0";
  for (int i = 0; i < 250000; ++i) many += ",0";
  CHECK(complaint([&] { read_json(many + "]}"); }).find("values") != std::string::npos);
}

TEST_CASE("fields are known, of their type and in their range") {
  const auto body = read_json(R"({"prompt": "a", "steps": 3, "big": 18446744073709551615, "half": 0.5,
                                   "five": 5.0, "far": 1e300})");
  CHECK(text_of(body, "prompt") == "a");
  CHECK(text_of(body, "syntax", "plain") == "plain");
  CHECK(number_of(body, "steps", 0, 1, 5) == 3);
  CHECK(number_of(body, "none", 7, 1, 9) == 7);
  CHECK(number_of(body, "five", 0, 1, 5) == 5);
  CHECK(complaint([&] { number_of(body, "five", 0, 1, 4); }) != "");
  for (const char* field : {"prompt", "big", "half", "far"})
    CHECK(complaint([&] { number_of(body, field, 0, 0, INT64_MAX); }) != "");
  CHECK(complaint([&] { number_of(body, "steps", 0, 4, 5); }) != "");
  CHECK(complaint([&] { text_of(body, "steps"); }) != "");
  CHECK(complaint([&] { check_fields(body, {"prompts", "steps", "big", "half", "five", "far"}); }).find("prompts") !=
        std::string::npos);
}

TEST_CASE("a submission is a recipe or a sweep") {
  const auto asked =
      submission_of(read_json(R"({"recipe": {"version": 1}, "priority": -3, "previews": 0, "heat_maps": ["cat"]})"));
  CHECK(asked.recipe == R"({"version":1})");
  CHECK(asked.priority == -3);
  CHECK(asked.previews == 0);
  CHECK(asked.heat_maps == std::vector<std::string>{"cat"});
  CHECK(submission_of(read_json(R"({"kind": "sweep", "spec": {}})")).sweep == "{}");
  for (const char* text :
       {"{}", R"({"recipe": 1})", R"({"kind": "x", "recipe": {}})", R"({"spec": {}, "recipe": {}})",
        R"({"kind": "sweep", "recipe": {}})", R"({"recipe": {}, "priority": 101})", R"({"recipe": {}, "x": 1})",
        R"({"recipe": {}, "heat_maps": [1]})", R"({"recipe": {}, "heat_maps": [""]})"})
    CHECK(complaint([&] { submission_of(read_json(text)); }) != "");
}
