// Sweeps as files and as short texts.

#include <doctest/doctest.h>
#include <string>

#include "corepulse/sweep.h"

#include "sweep/support.h"
#include "sweep/values.h"

using namespace corepulse;
using corepulse::sweep::parse_values;

namespace {

std::string values(const std::string& text, const std::string& field = "strength") {
  std::string out;
  for (const auto& value : parse_values(text, field)) out += (out.empty() ? "" : " ") + value.dump();
  return out;
}

}  // namespace

TEST_CASE("values are lists, ranges by count or step, or JSON") {
  CHECK(values("0..1:5") == "0 0.25 0.5 0.75 1");
  CHECK(values("0..1:11") == "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
  CHECK(values("0..1/0.1") == "0 0.1 0.2 0.3 0.4 0.5 0.6 0.7 0.8 0.9 1");
  CHECK(values("1..4") == "1 2 3 4");
  CHECK(values("4..1") == "4 3 2 1");
  CHECK(values("9007199254740989..9007199254740991") == "9007199254740989 9007199254740990 9007199254740991");
  CHECK(values("1..8/3, 20") == "1 4 7 20");
  CHECK(values("0.5..0.5:1") == "0.5");
  CHECK(values("input:0, middle:0,true,null,\"7\"") == R"("input:0" "middle:0" true null "7")");
  CHECK(values("18446744073709551615") == "18446744073709551615");
  CHECK(values(R"([1, "a, b", {"sigma": [15, 3]}])") == R"(1 "a, b" {"sigma":[15,3]})");
  CHECK(values("a..b") == R"("a..b")");
}

TEST_CASE("what replaces a word is the text as it stands, and a range of numbers") {
  CHECK(values("007,1.50,true,null,\"a\"", "{word}") == R"("007" "1.50" "true" "null" "a")");
  CHECK(values("8..10", "{word}") == "8 9 10");
}

TEST_CASE("windows and regions may be written as in controls") {
  CHECK(values("sigma 15..3,sigma inf..0.5,always,steps 0..4", "when") ==
        R"({"sigma":[15,3]} {"sigma":["inf",0.5]} "always" {"steps":[0,4]})");
  CHECK(values("sigma 15..3", "prompt") == R"("sigma 15..3")");
  CHECK(values("left half,null", "region") == R"({"box":[0,0,0.5,1],"shape":"rectangle"} null)");
}

TEST_CASE("a sweep that was written is read as the same") {
  auto sweep = test::small_sweep();
  sweep.axes.push_back(zipped(parse_sweep_axis("sampler=euler,heun"), parse_sweep_axis("steps=20,10")));
  sweep.axes.back().name = "how";
  sweep.title = "a \"title\"";
  sweep.axes.back().labels = {"plain", "Heun"};
  const auto again = sweep_from_json(to_json(sweep));
  CHECK(to_json(again) == to_json(sweep));
  CHECK(again.axes.back().labels == sweep.axes.back().labels);
  CHECK(cell_count(again) == 16);
}

TEST_CASE("a file's ranges mean what the short form's do") {
  const auto sweep = sweep_from_json(R"({"version": 1, "recipe": {"version": 1}, "axes": [
    {"field": "guidance", "from": 1, "to": 7, "count": 4}, {"zip": [{"field": "seed", "from": 1, "to": 2},
     {"field": "steps", "from": 10, "to": 20, "step": 10}]}]})");
  CHECK(sweep.axes[0].fields == parse_sweep_axis("guidance=1..7:4").fields);
  CHECK(sweep.axes[1].fields[0] == parse_sweep_axis("seed=1..2").fields[0]);
  CHECK(sweep.axes[1].fields[1] == parse_sweep_axis("steps=10..20/10").fields[0]);
}

TEST_CASE("what is wrong in a file is an error, never another sweep") {
  const std::string head = R"({"version": 1, "recipe": {"version": 1}, "axes": )";
  for (const std::string axes :
       {"3",
        "[3]",
        "[{}]",
        R"([{"field": "seed"}])",
        R"([{"field": "seed", "values": []}])",
        R"([{"field": "seed", "values": 3}])",
        R"([{"field": 3, "values": [1]}])",
        R"([{"field": "seed", "values": [1], "from": 1, "to": 2}])",
        R"([{"field": "seed", "from": 1}])",
        R"([{"field": "seed", "from": 1, "to": 2, "count": 0}])",
        R"([{"field": "seed", "from": 1, "to": 2, "count": -1}])",
        R"([{"field": "seed", "from": 1, "to": 2, "count": 1.5}])",
        R"([{"field": "seed", "from": 1, "to": 2, "step": 0}])",
        R"([{"field": "seed", "from": 1, "to": 2, "step": 1, "count": 2}])",
        R"([{"field": "seed", "from": 1, "to": 1e300}])",
        R"([{"field": "seed", "from": "a", "to": 2}])",
        R"([{"field": "seed", "from": 0, "to": 1, "step": 1e-300}])",
        R"([{"field": "seed", "values": [1], "labels": ["a", "b"]}])",
        R"([{"field": "seed", "values": [1], "labels": [1]}])",
        R"([{"field": "seed", "values": [1], "vlaues": [1]}])",
        R"([{"zip": []}])",
        R"([{"zip": [3]}])",
        R"([{"zip": [{"field": "seed", "values": [1]}, {"field": "steps", "values": [1, 2]}]}])",
        R"([{"field": "", "values": [1]}])",
        R"([{"field": "a..b", "values": [1]}])",
        R"([{"field": "a[", "values": [1]}])",
        R"([{"field": "a[99999999999999999999]", "values": [1]}])",
        R"([{"field": "a[-1]", "values": [1]}])",
        R"([{"field": "{}", "values": ["a"]}])",
        R"([{"field": "{a}b}", "values": ["a"]}])",
        R"([{"field": "{a", "values": ["a"]}])",
        R"([{"field": "{a}", "values": [[1]]}])",
        R"([{"field": "[0]", "values": [1]}])"}) {
    CAPTURE(axes);
    CHECK_THROWS_AS((void)sweep_from_json(head + axes + "}"), Error);
  }
  for (const std::string text :
       {"", "[]", "{}", R"({"version": 2, "recipe": {}})", R"({"version": 1, "recipe": "x.json"})",
        R"({"version": 1, "title": 3, "recipe": {}})", R"({"version": 1, "recipe": {}, "recipe": {}})",
        R"({"version": 1, "recipe": {}, "axis": []})"}) {
    CAPTURE(text);
    CHECK_THROWS_AS((void)sweep_from_json(text), Error);
  }
  const std::string deep = std::string(100000, '[') + std::string(100000, ']');
  CHECK_THROWS_AS((void)sweep_from_json(head + deep + "}"), Error);
  for (const std::string text : {"", "strength", "=1", "strength=", "strength=1,,2", "strength=[1", "strength=0..1:0",
                                 "strength=0..1/0", "seed=1..1000000", "strength=\xff", "\xff=1", "when={\"a\":}"}) {
    CAPTURE(text);
    CHECK_THROWS_AS((void)parse_sweep_axis(text), Error);
  }
}
