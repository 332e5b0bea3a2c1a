// Prompts that nobody means: every reader takes them or refuses them, quickly.
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "golden.h"
#include "support/dice.h"
#include "text/prompt/choices.h"
#include "text/prompt/chunks.h"
#include "text/prompt/read_prompt.h"
#include "text/prompt/schedule.h"

namespace corepulse::text {
namespace {

constexpr PromptSyntax kSyntaxes[] = {PromptSyntax::plain, PromptSyntax::a1111, PromptSyntax::comfy,
                                      PromptSyntax::compel};

class Prompts : test::Dice {
 public:
  explicit Prompts(unsigned seed) : Dice(seed) {}
  std::string operator()() {
    std::string text;
    for (int n = below(24); n > 0; --n)
      text += pick<std::string>({"(", ")",     "[",     "]",        "{", "}",  ":",  "|",    "\\",  "\"",
                                 ",", ".",     "+",     "-",        "=", " ",  "\n", "cat",  "1.2", "0.5",
                                 "2", "BREAK", " AND ", ".attend(", "é", "猫", "++", ":1.2)"});
    return text;
  }
};

/** Every stretch is within the text, behind the one before. */
bool is_sound(const PromptText& prompt) {
  int done = 0;
  for (const auto& [begin, end, weight, breaks] : prompt.stretches) {
    if (begin < done || end < begin || end > static_cast<int>(prompt.text.size()) || !(std::abs(weight) < 1e30))
      return false;
    done = end;
  }
  return true;
}

std::string many(size_t bytes, std::string_view what) {
  std::string text;
  while (text.size() + what.size() <= bytes) text += what;
  return text;
}

}  // namespace

TEST_CASE("random syntax is read or refused, and its tokens stand in the text in order") {
  Prompts prompts(7);
  int read = 0;
  for (int i = 0; i < 4000; ++i) {
    const auto written = prompts();
    for (const auto syntax : kSyntaxes) {
      INFO(written);
      try {
        const auto prompt = read_prompt(written, syntax);
        CHECK(is_sound(prompt));
        const auto made = chunked(clip_tokenizer(), prompt, syntax);
        CHECK(made.positions.size() == made.tokens.size());
        for (size_t t = 1; t < made.tokens.size(); ++t) {
          CHECK(made.positions[t] > made.positions[t - 1]);
          CHECK(made.tokens[t].begin >= made.tokens[t - 1].begin);
        }
        ++read;
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_request);
      }
    }
    CHECK(texts_by_step(written, 7).size() == 7);
    uint64_t seed = 1;
    choose(written, seed);
    CHECK(!split_prompts(written).empty());
  }
  CHECK(read > 12000);
}

TEST_CASE("the longest prompts of one piece of syntax are read or refused") {
  for (const std::string_view what :
       {"(",  ")",  "[",     "]",   "{",   "}",   "[a|b]", "[a:b:3]", "(a:1.2)", "(a)1.2 ",   "a++ ",
        "\"", "\\", "((a) ", "\"a", "[a:", "{a|", ":",     "+",       ", ",      "BREAKBREAK"})
    for (const auto syntax : kSyntaxes) {
      const auto written = many(kMaxPromptBytes, what);
      try {
        read_prompt(written, syntax);
        texts_by_step(written, 20);
        uint64_t seed = 1;
        choose(written, seed);
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_request);
      }
    }
}

TEST_CASE("a word as long as a prompt may be is cut into chunks, or refused") {
  for (const auto syntax : kSyntaxes)
    for (const std::string_view what : {"{", "a)", "7"}) {
      try {
        const auto made = chunked(clip_tokenizer(), read_prompt(many(kMaxPromptBytes, what), syntax), syntax);
        CHECK(made.positions.size() <= made.tokens.size());
      } catch (const Error& error) {
        CHECK(error.code() == ErrorCode::invalid_request);
      }
    }
}

TEST_CASE("what is longer than a prompt may be is refused before its brackets are looked at") {
  const auto written = many(50 * kMaxPromptBytes, "[a:b:");
  for (const auto syntax : kSyntaxes)
    CHECK_THROWS_WITH_AS(read_prompt(written, syntax), doctest::Contains("16384"), Error);
  CHECK_THROWS_WITH_AS(texts_by_step(written, 20), doctest::Contains("16384"), Error);
}

TEST_CASE("braces that do not close are text, and hide no choice behind or inside them") {
  const auto one = [](std::string_view written) {
    uint64_t seed = 1;
    return choose(written, seed);
  };
  for (const char* text : {"{", "{{a}|b", "{a|b", "a|b}", "{a}|b}", "{}", "\\{a|b}", "{a\\|b}"})
    CHECK(one(text) == text);
  CHECK((one("{{a|b}") == "{a" || one("{{a|b}") == "{b"));
  CHECK((one("{a|b}{") == "a{" || one("{a|b}{") == "b{"));
  CHECK(one("{{a|a}|{a|a}}") == "a");
  CHECK(one(many(kMaxPromptBytes, "{") + "{a|a}") == many(kMaxPromptBytes, "{") + "a");
}

}  // namespace corepulse::text
