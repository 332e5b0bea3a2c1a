#include "io/json.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::io;
using namespace corepulse::test;

namespace {

std::string error_of(const std::string& text, const JsonLimits& limits = {}) {
  return refusal([&] { parse_json(text, "recipe", limits, ErrorCode::invalid_request); });
}

}  // namespace

TEST_CASE("what a JSON text says arrives unchanged") {
  const auto json = parse_json(
      R"( {"a": [1, -2, 3.5, 18446744073709551615, true, null, {}], "b": {"c": "\u00e9\ud83d\ude00"}} )", "x");
  CHECK(json.dump() == R"({"a":[1,-2,3.5,18446744073709551615,true,null,{}],"b":{"c":"é😀"}})");
  CHECK(parse_json("7", "x") == 7);
  CHECK(parse_json(R"({"a":{"b":1},"c":{"b":2}})", "x")["c"]["b"] == 2);
}

TEST_CASE("an error tells the code asked for, the place and the byte") {
  const auto error = error_of(R"({"a": 1, "b": })");
  CHECK(has(error, {"invalid_request: [recipe] ", "not valid JSON", "at byte 15"}));
  CHECK(has(refusal([] { parse_json("{", "file.json"); }), {"bad_file: [file.json]"}));
}

TEST_CASE("text that is not exactly JSON is refused") {
  for (const char* text : {"",
                           " ",
                           "{",
                           "[1,]",
                           "{\"a\":1,}",
                           "[1] 2",
                           "{'a':1}",
                           "// c\n1",
                           "nan",
                           "NaN",
                           "[Infinity]",
                           "01",
                           "+1",
                           "1e999",
                           "\"\x01\"",
                           "\"\xff\"",
                           "\"\xc0\x80\"",
                           "\"\xed\xa0\x80\"",
                           "\"\\ud800\"",
                           "[\"a\" \"b\"]"}) {
    CAPTURE(text);
    CHECK(has(error_of(text), {"invalid_request", "byte"}));
  }
}

TEST_CASE("a model's JSON file may hold Python's Infinity and NaN, which are texts there; a recipe may not") {
  Folder folder;
  put(folder / "config.json",
      R"({"a": -Infinity, "b": [Infinity,NaN], "c": "NaN \"Infinity\" -Infinity", "d\\": NaN, "e": -1})");
  const auto json = read_json(folder / "config.json");
  CHECK(json["a"] == "-Infinity");
  CHECK(json["b"] == Json::array({"Infinity", "NaN"}));
  CHECK(json["c"] == "NaN \"Infinity\" -Infinity");
  CHECK(json["d\\"] == "NaN");
  CHECK(json["e"] == -1);
  CHECK(has(error_of(R"({"a": -Infinity})"), {"invalid_request", "not valid JSON"}));
  for (const char* text : {"{\"a\": Infinity1}", "{\"a\": --Infinity}", "{\"a\": NaNN}", "{Infinity: 1", "\"NaN"}) {
    CAPTURE(text);
    put(folder / "bad.json", text);
    CHECK(has(refusal([&] { read_json(folder / "bad.json"); }), {"bad_file", "not valid JSON"}));
  }
}

TEST_CASE("a NUL byte does not hide what follows it") {
  CHECK(has(error_of(std::string("{}\0", 3)), {"NUL", "byte 2"}));
  CHECK(has(error_of(std::string("[1\0]", 4)), {"NUL"}));
  CHECK(parse_json("\"\\u0000\"", "x").get<std::string>().size() == 1);
}

TEST_CASE("the same key twice in one object is refused") {
  CHECK(has(error_of(R"({"steps": 1, "steps": 2})"), {"\"steps\" stands twice"}));
  CHECK(has(error_of(R"([{"a": {"b": 1, "b": 1}}])"), {"\"b\" stands twice"}));
  CHECK(has(error_of(R"({"a": 1, "\u0061": 1})"), {"\"a\" stands twice"}));
}

TEST_CASE("depth, size and count are bounded") {
  CHECK(error_of("[[[1]]]", {.depth = 3}) == "");
  CHECK(has(error_of("[[[[1]]]]", {.depth = 3}), {"deeper than 3"}));
  CHECK(has(error_of(R"({"a":{"a":{"a":{}}}})", {.depth = 3}), {"deeper than 3"}));
  CHECK(has(error_of(std::string(1'000'000, '[')), {"deeper than 32"}));
  CHECK(has(error_of("[1,2,3]", {.bytes = 6}), {"7 bytes", "at most 6"}));
  CHECK(has(error_of("[1,2,3]", {.values = 3}), {"more than 3 values"}));
  CHECK(error_of("[1,2]", {.values = 3}) == "");
}

TEST_CASE("an error message stays short and printable whatever the text is") {
  for (const auto& text : {"{\"" + std::string(1'000'000, 'x') + "\": 1, \"" + std::string(1'000'000, 'x') + "\": 1}",
                           "\"" + std::string(1'000'000, 'y'), std::string("\xff\x1b[31m")}) {
    const auto error = error_of(text);
    CHECK(error.size() > 20);
    CHECK(error.size() < 1000);
    CHECK(error.find('\x1b') == error.npos);
    CHECK(error.find('\xff') == error.npos);
  }
}

TEST_CASE("a JSON file's errors name the file") {
  Folder folder;
  put(folder / "good.json", "{\"a\": [1]}");
  put(folder / "bad.json", "{\"a\": ");
  CHECK(read_json(folder / "good.json")["a"][0] == 1);
  CHECK(has(refusal([&] { read_json(folder / "bad.json"); }), {"bad_file", "bad.json"}));
  CHECK(has(refusal([&] { read_json(folder / "none.json"); }), {"not_found", "none.json"}));
  CHECK(has(refusal([&] { read_json(folder.path()); }), {"bad_file", "is a folder"}));
  CHECK(has(refusal([&] { read_json(folder / "good.json", {.bytes = 3}); }),
            {"bad_file", "good.json", "more than 3 bytes"}));
}
