// Prompts in the syntax of other tools: what is read, with which weights, in which chunks.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "corepulse/error.h"

#include "golden.h"
#include "text/prompt/chunks.h"
#include "text/prompt/read_prompt.h"

namespace corepulse::text {
namespace {

using enum PromptSyntax;

/** "a |cat*1.1|BREAK|..." */
std::string shown(const PromptText& prompt) {
  std::string all;
  auto stretches = prompt.stretches;
  if (stretches.empty()) stretches = {{0, static_cast<int>(prompt.text.size())}};
  for (const auto& [begin, end, weight, breaks] : stretches) {
    if (breaks) all += "/";
    all += prompt.text.substr(static_cast<size_t>(begin), static_cast<size_t>(end - begin));
    all += weight == 1 ? "|" : fmt::format("*{:.6g}|", weight);
  }
  return all;
}

std::string read(const std::string& written, PromptSyntax syntax) {
  return shown(read_prompt(written, syntax));
}

std::string complaint(const std::string& written, PromptSyntax syntax) {
  try {
    read_prompt(written, syntax);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::string times(int n, const std::string& text) {
  std::string all;
  for (int i = 0; i < n; ++i) all += text;
  return all;
}

/** How many tokens each chunk has, beginning, end and padding not counted. */
std::vector<int> lengths(const std::string& written, PromptSyntax syntax) {
  const auto& tokenizer = clip_tokenizer();
  const auto made = chunked(tokenizer, read_prompt(written, syntax), syntax);
  std::vector<int> all(made.chunks.size());
  for (const int position : made.positions) ++all[static_cast<size_t>(position / tokenizer.max_length())];
  for (const auto& chunk : made.chunks) {
    CHECK(chunk.ids.size() == 77);
    CHECK(chunk.weights.size() == 77);
    CHECK(chunk.ids[0] == tokenizer.bos());
  }
  return all;
}

}  // namespace

TEST_CASE("a plain prompt is read as it stands") {
  for (const char* written : {"", "a (cat:1.2) [b] BREAK \\(c\\)", "((", "a++"})
    CHECK(read_prompt(written, plain) == PromptText(written));
}

TEST_CASE("A1111's documented examples are read as documented") {
  CHECK(read("normal text", a1111) == "normal text|");
  CHECK(read("an (important) word", a1111) == "an |important*1.1| word|");
  CHECK(read("(unbalanced", a1111) == "unbalanced*1.1|");
  CHECK(read("\\(literal\\]", a1111) == "(literal]|");
  CHECK(read("(unnecessary)(parens)", a1111) == "unnecessaryparens*1.1|");
  CHECK(read("a (((house:1.3)) [on] a (hill:0.5), sun, (((sky))).", a1111) ==
        "a |house*1.573| *1.1|on| a *1.1|hill*0.55|, sun, *1.1|sky*1.4641|.*1.1|");
}

TEST_CASE("brackets of A1111 nest, and what is none of them is text") {
  CHECK(read("[a]", a1111) == "a*0.909091|");
  CHECK(read("a ( cat : 1.2 ) b", a1111) == "a | cat *1.2| b|");
  CHECK(read("(a (b:2):3)", a1111) == "a *3|b*6|");
  CHECK(read("(cat:-0.5) (dog:+1.5) (fox:.5)", a1111) == "cat*-0.5| |dog*1.5| |fox*0.5|");
  CHECK(read("16:9) [x:y", a1111) == "16:9) |x:y*0.909091|");
  CHECK(read("a \\\\ b \\", a1111) == "a \\ b |");
  CHECK(read("(a:b)", a1111) == "a:b*1.1|");
  CHECK(read("", a1111) == "|");
}

TEST_CASE("BREAK ends a chunk, also inside brackets, and only as a word of its own") {
  CHECK(read("a cat BREAK a dog", a1111) == "a cat|/a dog|");
  CHECK(read("(a BREAK b:1.2)", a1111) == "a*1.2|/b*1.2|");
  CHECK(read("BREAKfast OUTBREAK", a1111) == "BREAKfast OUTBREAK|");
  CHECK(read_prompt("a cat BREAK a dog", a1111).text == "a cat a dog");
  CHECK(lengths("a cat BREAK a dog now", a1111) == std::vector{2, 3});
  CHECK(lengths("a cat BREAK BREAK a dog now", a1111) == std::vector{2, 0, 3});
  CHECK(lengths("BREAK a cat", a1111) == std::vector{0, 2});
  CHECK(lengths("a cat BREAK", a1111) == std::vector{2});
  CHECK(lengths("BREAK BREAK", a1111) == std::vector{0, 0});
  CHECK(read("a BREAK b", comfy) == "a BREAK b|");
}

TEST_CASE("ComfyUI's brackets multiply by 1.1, and a number sets the weight") {
  CHECK(read("a (cat) b", comfy) == "a |cat*1.1| b|");
  CHECK(read("((cat))", comfy) == "cat*1.21|");
  CHECK(read("(a (b:0.5) c:1.2)", comfy) == "a *1.2|b*0.5| c*1.2|");
  CHECK(read("(a (b) c:1.2)", comfy) == "a *1.2|b*1.32| c*1.2|");
  CHECK(read("a \\(b\\) \\[c] \\\\", comfy) == "a (b) \\[c] \\\\|");
  CHECK(read("(cat", comfy) == "(cat|");
  CHECK(read("cat) (dog)", comfy) == "cat) (dog)|");
  CHECK(read("(:1.2)", comfy) == ":1.2*1.1|");
  CHECK(read("(a:b)", comfy) == "a:b*1.1|");
  CHECK(read("[less]", comfy) == "[less]|");
}

TEST_CASE("compel's syntax is read as compel 2.5.1 reads it") {
  const auto golden = io::read_json(test::golden_folder() + "/prompts.json");
  for (const auto& item : golden.at("compel")) {
    std::string expected;
    for (const auto& fragment : item.at("fragments")) {
      const auto text = fragment[0].get<std::string>();
      const auto weight = fragment[1].get<double>();
      if (!text.empty()) expected += text + (weight == 1 ? "|" : fmt::format("*{:.6g}|", weight));
    }
    CHECK(read(item.at("prompt").get<std::string>(), compel) == (expected.empty() ? "|" : expected));
  }
}

TEST_CASE("compel's and() sets prompts side by side, each with its own chunks") {
  CHECK(read("(\"a cat\", \"a dog++ here\").and()", compel) == "a cat|/a|dog*1.21|here|");
  CHECK(read("(\"a, cat\", (a dog), park ) .and(1, 1.0)", compel) == "a , cat|/a dog|/park|");
  CHECK(complaint("(\"a\", \"b\").and(1, 0.5)", compel).find("other weights") != std::string::npos);
  CHECK(lengths("(\"a cat here\", \"a dog\").and()", compel) == std::vector{3, 2});
}

TEST_CASE("what a tool has and this program has not is refused") {
  CHECK(complaint("a cat.swap(dog) here", compel).find("replace_tokens") != std::string::npos);
  CHECK(complaint("(\"a\", \"b\").blend(1, 2)", compel).find("blend") != std::string::npos);
  CHECK(complaint("a withLora(x, 0.5) cat", compel).find("withLora") != std::string::npos);
  CHECK(complaint("a cat AND a dog", a1111).find("AND joins") != std::string::npos);
  CHECK(complaint("a cat <lora:fox:0.8>", a1111).find("<lora:") != std::string::npos);
  CHECK(complaint("(a:1.2.3)", a1111).find("no number") != std::string::npos);
  CHECK(complaint("(a:inf)", comfy).find("finite") != std::string::npos);
  for (const auto syntax : {a1111, comfy, compel}) {
    CHECK(complaint(times(20, "(") + "a" + times(20, ")"), syntax).empty());
    CHECK(complaint(times(3000, "(") + "a" + times(3000, ")"), syntax).find("inside one another") != std::string::npos);
  }
}

TEST_CASE("AND joins prompts, each with its weight") {
  using Prompts = std::vector<std::pair<std::string, double>>;
  CHECK(split_prompts("a cat") == Prompts{{"a cat", 1}});
  CHECK(split_prompts("a cat :1.2 AND a dog AND a penguin :2.2") ==
        Prompts{{"a cat", 1.2}, {" a dog", 1}, {" a penguin", 2.2}});
  CHECK(split_prompts("AND") == Prompts{{"", 1}, {"", 1}});
  CHECK(split_prompts("a (cat:1.2) BRAND ANDY") == Prompts{{"a (cat:1.2) BRAND ANDY", 1}});
  CHECK(split_prompts("a:-.5 AND b: x") == Prompts{{"a", -0.5}, {" b: x", 1}});
}

TEST_CASE("a plain prompt is one chunk, and what does not fit is cut") {
  const auto made = chunked(clip_tokenizer(), times(80, "cat "), plain);
  CHECK(made.chunks.size() == 1);
  CHECK(made.positions.size() == 75);
  CHECK(made.cut == times(5, "cat "));
  CHECK(made.chunks[0].ids == clip_tokenizer().encode(times(80, "cat ")).ids);
}

TEST_CASE("chunks end where each tool ends them") {
  CHECK(lengths(times(75, "cat "), a1111) == std::vector{75});
  CHECK(lengths(times(76, "cat "), a1111) == std::vector{75, 1});
  // behind the last comma of the last 20 tokens
  CHECK(lengths(times(59, "cat ") + "," + times(30, "cat "), a1111) == std::vector{60, 30});
  CHECK(lengths(times(54, "cat ") + "," + times(30, "cat "), a1111) == std::vector{75, 10});
  CHECK(lengths(times(75, "cat ") + "," + times(5, "cat "), a1111) == std::vector{75, 6});
  // words stay whole, unless they are long
  CHECK(lengths(times(74, "cat ") + "xyzzyplugh cat", comfy)[0] == 74);
  CHECK(lengths(times(74, "cat ") + times(20, "qzx") + " cat", comfy)[0] == 75);
  CHECK(lengths(times(74, "cat ") + "cat, dog", comfy)[0] == 74);
  // behind sentences, else phrases, else words
  CHECK(lengths(times(40, "cat ") + "." + times(10, "cat ") + "," + times(40, "cat "), compel)[0] == 41);
  CHECK(lengths(times(40, "cat ") + times(10, "cat ") + "," + times(40, "cat "), compel)[0] == 51);
  CHECK(lengths(times(74, "cat ") + "xyzzyplugh cat", compel)[0] == 74);
}

TEST_CASE("tokens keep the bytes of the text without syntax, and their weights") {
  const auto prompt = read_prompt("a (red cat:1.5) BREAK it", a1111);
  const auto made = chunked(clip_tokenizer(), prompt, a1111);
  CHECK(prompt.text == "a red cat it");
  REQUIRE(made.tokens.size() == 4);
  CHECK(prompt.text.substr(static_cast<size_t>(made.tokens[2].begin), 3) == "cat");
  CHECK(made.positions == std::vector{1, 2, 3, 78});
  CHECK(made.chunks[0].weights[3] == 1.5);
  CHECK(made.chunks[1].weights[1] == 1);
}

TEST_CASE("there may be many chunks, but not without end") {
  CHECK_THROWS_AS(chunked(clip_tokenizer(), read_prompt(times(200, "a BREAK "), a1111), a1111), Error);
  CHECK(lengths(times(90, "a BREAK "), a1111).size() == 90);
}

}  // namespace corepulse::text
