// What other programs would not draw as text.
#include "text/foreign_syntax.h"

#include <doctest/doctest.h>

namespace corepulse::text {
namespace {

std::string seen(std::string_view prompt) {
  std::string all;
  for (const auto& syntax : foreign_syntax(prompt)) all += (all.empty() ? "" : " ; ") + syntax.seen;
  return all;
}

}  // namespace

TEST_CASE("syntax of other programs is seen in a prompt") {
  CHECK(seen("a (red cat:1.2) in a park") == "(red cat:1.2)");
  CHECK(seen("a (cat, (dog:0.8):1.1)") == "(dog:0.8)");
  CHECK(seen("((masterpiece)), a cat") == "((masterpiece))");
  CHECK(seen("a cat, [[blurry]]") == "[[blurry]]");
  CHECK(seen("a cat++ in a park") == "cat++");
  CHECK(seen("(a cat)--, a park") == "(a cat)--");
  CHECK(seen("a [cat:dog:0.5]") == "[cat:dog:0.5]");
  CHECK(seen("a cat [in a hat:10]") == "[in a hat:10]");
  CHECK(seen("a [cat|dog] in a park") == "[cat|dog]");
  CHECK(seen("a cat BREAK a dog") == "BREAK");
  CHECK(seen("a cat AND a dog") == "AND");
  CHECK(seen("(\"a cat\", \"a dog\").and()") == ".and(");
  CHECK(seen("a cat <lora:fox:0.8>") == "<lora:fox:0.8>");
  CHECK(seen("a cat, embedding:badhands, blurry") == "embedding:badhands");
  CHECK(seen("a {red|blue} cat") == "{red|blue}");
  CHECK(seen("a __color__ cat") == "__color__");
  CHECK(seen("a (cat:1.2) [a|b] BREAK <lora:x>") == "(cat:1.2) ; [a|b] ; BREAK ; <lora:x>");
}

TEST_CASE("ordinary punctuation is no syntax") {
  for (const char* prompt : {"",
                             "a cat (sleeping), 4k",
                             "it's a \"cat\"!",
                             "pokemon \\(creature\\)",
                             "\\(cat:1.2\\)",
                             "16:9 (ratio 16:9)",
                             "at 10:30 [clock: 10:30]",
                             "a cat - or a dog?",
                             "a cat -- or a dog",
                             "wait--what",
                             "a C++ book",
                             "an A+ grade",
                             "rock and roll",
                             "ROCK AND ROLL",
                             "take a BREAKfast",
                             "R&D, 100% <3 :) ;)",
                             "cat|dog",
                             "a {set}",
                             "[sic]",
                             "note: a cat",
                             "snake_case __init",
                             "a/b, a+b, c*d",
                             "a < b > c",
                             "<b>cat</b>",
                             "\xff(\xfe:",
                             "(",
                             ")",
                             "[:]"}) {
    CAPTURE(prompt);
    CHECK(seen(prompt) == "");
  }
}

TEST_CASE("a long piece of syntax is cut between characters") {
  std::string word;
  for (int i = 0; i < 100; ++i) word += "é";
  const auto shown = seen("(" + word + ":1.2)");
  CHECK(shown.size() < 70);
  CHECK(shown.ends_with("é..."));
}

}  // namespace corepulse::text
