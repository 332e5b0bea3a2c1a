// Prompts that change with the steps, and those that are chosen at random.
#include "text/prompt/schedule.h"

#include <doctest/doctest.h>

#include "text/prompt/choices.h"

namespace corepulse::text {
namespace {

/** "3:a |10:a b": what ten steps read, and up to which step, counted from 1. */
std::string schedule(const std::string& written, bool from_zero = false) {
  const auto texts = texts_by_step(written, 10, from_zero);
  REQUIRE(texts.size() == 10);
  std::string all;
  for (size_t i = 0; i < texts.size(); ++i)
    if (i + 1 == texts.size() || texts[i + 1] != texts[i])
      all += (all.empty() ? "" : "|") + std::to_string(i + 1) + ":" + texts[i];
  return all;
}

std::string chosen(const std::string& written, uint64_t seed = 3) {
  return choose(written, seed);
}

}  // namespace

TEST_CASE("A1111's documented examples of prompt editing give its documented steps") {
  CHECK(schedule("test") == "10:test");
  CHECK(schedule("a [b:3]") == "3:a |10:a b");
  CHECK(schedule("a [b: 3]") == "3:a |10:a b");
  CHECK(schedule("a [[[b]]:2]") == "2:a |10:a [[b]]");
  CHECK(schedule("[(a:2):3]") == "3:|10:(a:2)");
  CHECK(schedule("a [b : c : 1] d") == "1:a b  d|10:a  c  d");
  CHECK(schedule("a[b:[c:d:2]:1]e") == "1:abe|2:ace|10:ade");
  CHECK(schedule("a [unbalanced") == "10:a [unbalanced");
  CHECK(schedule("a [b:.5] c") == "5:a  c|10:a b c");
  CHECK(schedule("a [{b|d{:.5] c") == "5:a  c|10:a {b|d{ c");
  CHECK(schedule("((a][:b:c [d:3]") == "3:((a][:b:c |10:((a][:b:c d");
  CHECK(schedule("[a|(b:1.1)]").starts_with("1:a|2:(b:1.1)|3:a|4:(b:1.1)"));
  CHECK(schedule("[fe|]male").starts_with("1:female|2:male|3:female"));
  CHECK(schedule("[fe|||]male").starts_with("1:female|4:male|5:female"));
}

TEST_CASE("what is taken away, and when that is never or at once") {
  CHECK(schedule("a [b::4] c") == "4:a b c|10:a  c");
  CHECK(schedule("[a:b:0]") == "10:b");
  CHECK(schedule("[a:b:25]") == "10:a");
  CHECK(schedule("[a:b:1.0]") == "10:a");
  CHECK(schedule("[a:b:-1]") == "10:b");
  CHECK(schedule("[a:b:c]") == "10:[a:b:c]");
  CHECK(schedule("\\[a:b:3\\]") == "10:\\[a:b:3\\]");
  CHECK(schedule("(cat:1.2) [dog]") == "10:(cat:1.2) [dog]");
}

TEST_CASE("counted from zero, as A1111's program does, the first step is decided twice") {
  CHECK(schedule("a [b:3]", true) == "4:a |10:a b");
  CHECK(schedule("[a|b]", true).starts_with("2:a|3:b|4:a"));
}

TEST_CASE("a choice is one of its parts, the same for the same seed") {
  std::string seen;
  for (uint64_t seed = 0; seed < 40; ++seed) {
    const auto text = chosen("{a|b|c}", seed);
    CHECK(text == chosen("{a|b|c}", seed));
    if (seen.find(text) == std::string::npos) seen += text;
  }
  CHECK(seen.size() == 3);
  CHECK(chosen("a {red|red} cat") == "a red cat");
  CHECK(chosen("{{x|x} y|{x|x} y}") == "x y");
  CHECK(chosen("{|}a") == "a");
}

TEST_CASE("braces without a bar, escaped ones and those left open are text") {
  for (const char* text : {"", "a {set}", "\\{a|b\\}", "{a|b", "a|b}", "a|b", "{}"}) CHECK(chosen(text) == text);
}

TEST_CASE("the choices of one prompt move those of the next") {
  uint64_t seed = 3;
  std::string all;
  for (int i = 0; i < 30; ++i) all += choose("{a|b}", seed);
  CHECK(all.find("ab") != std::string::npos);
  CHECK(all.find("ba") != std::string::npos);
  CHECK((all.find("aa") != std::string::npos || all.find("bb") != std::string::npos));
}

}  // namespace corepulse::text
