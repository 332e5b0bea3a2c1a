// Which tokens of CLIP a phrase names.
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "../text/golden.h"
#include "control/texts/text_table.h"
#include "text/prompt/chunks.h"
#include "text/prompt/read_prompt.h"

namespace corepulse::control::test {
namespace {

std::vector<TokenizedText> clip(const PromptText& prompt) {
  const auto made = text::chunked(text::clip_tokenizer(), prompt, PromptSyntax::a1111);
  TokenizedText text{.positions = made.positions};
  for (const auto& t : made.tokens) text.tokens.push_back({t.id, t.begin, t.end});
  for (const auto& [ids, weights] : made.chunks) {
    text.ids.insert(text.ids.end(), ids.begin(), ids.end());
    text.weights.insert(text.weights.end(), weights.begin(), weights.end());
  }
  return {text};
}

PromptText read(const std::string& written) {
  return text::read_prompt(written, PromptSyntax::a1111);
}

/** The tokens of the prompt that a phrase names, with bars between them. */
std::string found(const std::string& prompt, const Tokens& phrase) {
  const Tokenizer tokenizer = clip;
  TextTable table(tokenizer, prompt, "");
  std::string text;
  for (const int position : table.find(0, phrase).positions) {
    const auto& token = table.tokens(0).tokens[static_cast<size_t>(position - 1)];
    text += (text.empty() ? "" : "|") +
            prompt.substr(static_cast<size_t>(token.begin), static_cast<size_t>(token.end - token.begin));
  }
  return text;
}

/** The prompt from the first of these tokens to the last: a character may be several. */
std::string stretch(const std::string& prompt, const Tokens& phrase) {
  const Tokenizer tokenizer = clip;
  TextTable table(tokenizer, prompt, "");
  const auto positions = table.find(0, phrase).positions;
  if (positions.empty()) return "";
  const auto& tokens = table.tokens(0).tokens;
  const auto begin = static_cast<size_t>(tokens[static_cast<size_t>(positions.front() - 1)].begin);
  return prompt.substr(begin, static_cast<size_t>(tokens[static_cast<size_t>(positions.back() - 1)].end) - begin);
}

std::string replaced(const std::string& prompt, const std::string& phrase, const std::string& with) {
  const Tokenizer tokenizer = clip;
  TextTable table(tokenizer, prompt, "");
  return table.prompt(table.exchange(0, phrase, with, false).text);
}

}  // namespace

TEST_CASE("a phrase that stands in the prompt as written is found, whatever punctuation it touches") {
  CHECK(found(R"(solo, pokemon \(creature\), blue)", R"(pokemon \(creature\))") == R"(pokemon|\|(|creature|\|),)");
  CHECK(found(R"(it's a "cat"!)", R"("cat")") == R"("|cat|"!)");
  CHECK(found("hello!!! you", "hello!") == "hello|!!!");
  CHECK(found("((cat)), dog", "(cat)") == "((|cat|)");
  CHECK(found("a (red  Cat).", "(red cat)") == "(|red|Cat|).");
  CHECK(found("cat...dog", "...") == "...");
  CHECK(found("a cat, a dog!", "cat, a dog") == "cat|,|a|dog");
}

TEST_CASE("a word is found between punctuation of any script") {
  CHECK(found("“cat”—dog…", "cat") == "cat");
  CHECK(found("“cat”—dog…", "dog") == "dog");
  CHECK(found("“cat”!", "“cat”") == "“|“|cat|”|”");
  CHECK(found("été, hiver", "ÉTÉ") == "é|té");
}

TEST_CASE("case and the composition of accents do not matter in any script") {
  CHECK(stretch("ΟΔΟΣ", "οδοσ") == "ΟΔΟΣ");
  CHECK(stretch("Красивый ЗАКАТ", "закат") == "ЗАКАТ");
  CHECK(stretch("ÅNGSTRÖM", "a\u030Angström") == "ÅNGSTRÖM");
  CHECK(stretch("a CAFE\u0301 in Paris", "café") == "CAFE\u0301");
}

TEST_CASE("a mark belongs to the character before it") {
  CHECK(stretch("नमस्ते दुनिया", "नमस्ते") == "नमस्ते");
  CHECK(stretch("नमस्ते दुनिया", "नमस") == "");
  CHECK(stretch("cat cafe\u0301", "cafe") == "");
  CHECK(stretch("x\u0323\u0302cat", "cat") == "");
  CHECK(stretch("i ❤️ cats", "❤️") == "❤️");
}

TEST_CASE("in scripts without spaces a word is what stands between punctuation") {
  CHECK(stretch("黒猫、犬が好き", "黒猫") == "黒猫");
  CHECK(stretch("「猫」", "猫") == "猫");
  CHECK(stretch("黒猫が好き", "猫") == "");
}

TEST_CASE("no part of a word is found, with punctuation or without") {
  for (const char* phrase : {"cat", "category", "s", "ego", "categories", "log", "12", "e", "a-", "ory!"})
    CHECK(found("(category's) dogs 123, été a_b!", Tokens(phrase)) ==
          (std::string(phrase) == "category" ? "category" : ""));
}

TEST_CASE("each occurrence counts, also where two share a token") {
  const std::string prompt = R"("cat""cat"! and "cat")";
  CHECK(found(prompt, Tokens("\"cat\"", 3)) == R"("|cat|")");
  CHECK(found(prompt, Tokens("\"cat\"", 2)) == R"(""|cat|"!)");
  CHECK(found(prompt, "\"cat\"") == R"("|cat|""|cat|"!|"|cat|")");
  CHECK(found(prompt, Tokens("\"cat\"", 4)) == "");
}

TEST_CASE("what is replaced is the phrase and not the punctuation beside it") {
  CHECK(replaced(R"(it's a "cat"!)", R"("cat")", "dog") == "it's a dog!");
  CHECK(replaced("hello!!! you", "hello!", "bye") == "bye!! you");
  CHECK(replaced("a cat, a dog", "cat", "fox") == "a fox, a dog");
}

TEST_CASE("a phrase is looked for in the text without syntax, and stands where its chunk has it") {
  const Tokenizer tokenizer = clip;
  const PromptReader reader = read;
  TextTable table(tokenizer, "a (red cat:1.2) BREAK a \\(cat\\) here", "", reader);
  CHECK(table.prompt(0) == "a red cat a (cat) here");
  CHECK(table.find(0, "red cat").positions == std::vector{2, 3});
  CHECK(table.find(0, "cat").positions == std::vector{3, 80});
  CHECK(table.find(0, Tokens("cat", 2)).positions == std::vector{80});
  CHECK(table.find(0, "(cat)").positions == std::vector{79, 80, 81});
  CHECK(table.find(0, "1.2").positions.empty());
  CHECK(table.find(0, Tokens(Tokens::Part::start)).positions == std::vector{0, 77});
  CHECK(table.find(0, Tokens(Tokens::Part::end)).positions == std::vector{4, 83});
  CHECK(table.find(0, Tokens(Tokens::Part::words)).positions.size() == 8);
  CHECK(table.find(0, Tokens(Tokens::Part::all)).positions.size() == 154);
  CHECK(table.find(0, Tokens(Tokens::Part::padding)).positions.size() == 154 - 2 - 2 - 8);
}

TEST_CASE("texts of the same words and other weights are two") {
  const Tokenizer tokenizer = clip;
  const PromptReader reader = read;
  TextTable table(tokenizer, "a (cat:1.2)", "", reader);
  CHECK(table.add("a (cat:1.2)") == 0);
  CHECK(table.add("a (cat:1.3)") != 0);
  CHECK(table.add("a (cat:1.0)") == table.add("a cat"));
}

TEST_CASE("what is replaced keeps the weight of what it stands for") {
  const Tokenizer tokenizer = clip;
  const PromptReader reader = read;
  TextTable table(tokenizer, "a (red cat:1.2) in [the] park BREAK a cat", "", reader);
  const auto next = table.exchange(0, "cat", "big dog", false);
  CHECK(table.prompt(next.text) == "a red big dog in the park a big dog");
  const auto& weights = table.tokens(next.text).weights;
  CHECK(weights[2] == 1.2);
  CHECK(weights[4] == 1.2);
  CHECK(weights[5] == 1);
  CHECK(weights[6] == doctest::Approx(1 / 1.1));
  CHECK(table.find(next.text, "big dog").positions == std::vector{3, 4, 79, 80});
  // The words around it, ends and paddings come from where they were.
  CHECK(next.from[2] == 2);
  CHECK(next.from[3] == -1);
  CHECK(next.from[5] == 4);
  CHECK(next.from[8] == 7);
  CHECK(next.from[77] == 77);
  CHECK(next.from[78] == 78);
  CHECK(next.from[81] == 80);
}

TEST_CASE("a sign that two encoders know by other tokens has one place; signs that they split differently have none") {
  // SDXL's second tokenizer pads with "!": every one is a token of its own.
  const Tokenizer two = [](const PromptText& prompt) {
    auto encoders = clip(prompt);
    encoders.push_back(encoders[0]);
    auto& second = encoders[1];
    for (size_t t = 0; t < second.tokens.size(); ++t) {
      const auto token = second.tokens[t];
      if (prompt.text[token.begin] != '!') continue;
      second.tokens[t].id = second.ids[second.positions[t]] = 0;
      if (token.end - token.begin < 2) continue;
      second.tokens[t].end = token.begin + 1;
      second.tokens.insert(second.tokens.begin() + t + 1, {0, token.begin + 1, token.end});
      second.positions.push_back(second.positions.back() + 1);
      second.ids[second.positions.back()] = 0;
    }
    return encoders;
  };
  TextTable single(two, "a cat! in a park", "");
  CHECK(single.find(0, "park").positions == std::vector{6});
  TextTable both(two, "a cat!! in a park", "");  // no control asks for its words: nothing is wrong with it
  try {
    both.find(0, "park");
    FAIL("was found");
  } catch (const Error& error) {
    CHECK(std::string(error.what()).find("split \"a cat!! in a park\" differently") != std::string::npos);
  }
}

}  // namespace corepulse::control::test
