// Phrases among a prompt's tokens.

#include "text/prompt.h"

#include <chrono>
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "golden.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

std::vector<TokenRange> find(std::string_view prompt, std::string_view phrase, int occurrence = 0) {
  return find_phrase(clip_tokenizer().encode(prompt), prompt, phrase, occurrence);
}

/** The bytes of the prompt under each range found, joined by "|". */
std::string found(const std::string& prompt, std::string_view phrase, int occurrence = 0) {
  const auto encoded = clip_tokenizer().encode(prompt);
  std::string out;
  for (const auto& [begin, end] : find_phrase(encoded, prompt, phrase, occurrence)) {
    const int first = encoded.tokens[begin].begin, last = encoded.tokens[end - 1].end;
    out += (out.empty() ? "" : "|") + prompt.substr(first, last - first);
  }
  return out;
}

std::string error(std::string_view prompt, std::string_view phrase, int occurrence = 0) {
  try {
    find(prompt, phrase, occurrence);
  } catch (const Error& e) {
    CHECK(e.code() == ErrorCode::invalid_request);
    return e.what();
  }
  return "";
}

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a phrase is found at its tokens") {
  CHECK(find("a photo of a cat", "cat") == std::vector<TokenRange>{{4, 5}});
  CHECK(find("a photo of a cat", "photo of a") == std::vector<TokenRange>{{1, 4}});
  CHECK(find("cat", "cat") == std::vector<TokenRange>{{0, 1}});
}

TEST_CASE("a word of several tokens is found whole") {
  const auto ranges = find("an antidisestablishmentarianism portrait", "antidisestablishmentarianism");
  REQUIRE(ranges.size() == 1);
  CHECK(ranges[0].begin == 1);
  CHECK(ranges[0].end > 3);
  CHECK(found("a CAFE\u0301 in Paris", "café") == "CAFE\u0301");
}

TEST_CASE("case, spaces and attached punctuation do not matter") {
  CHECK(found("A Cat, sleeping", "cat") == "Cat");
  CHECK(found("(cat:1.2) cat! \"cat\" cat's", "CAT") == "cat|cat|cat|cat");
  CHECK(found("a  RED \n cat", "red cat") == "RED \n cat");
  CHECK(found("a red cat", "  red   cat ") == "red cat");
}

TEST_CASE("case is ignored in all scripts") {
  CHECK(found("ΟΔΟΣ", "οδοσ") == "ΟΔΟΣ");
  CHECK(found("eine STRASSE", "straße") == "STRASSE");
  CHECK(found("Красивый ЗАКАТ", "закат") == "ЗАКАТ");
  CHECK(found("ÅNGSTRÖM", "a\u030Angström") == "ÅNGSTRÖM");
}

TEST_CASE("parts of words are not matched") {
  for (const auto* prompt : {"category", "a bobcat", "cat2", "2cat", "cate\u0301gorie", "concatenate"})
    CHECK(has(error(prompt, "cat"), "not in the prompt"));
  CHECK(has(error("((cat))", "("), "not in the prompt"));
  CHECK(has(error("cat cafe\u0301", "cafe"), "not in the prompt"));
}

TEST_CASE("a mark belongs to the character before it") {
  CHECK(found("नमस्ते दुनिया", "नमस्ते") == "नमस्ते");
  CHECK(has(error("नमस्ते दुनिया", "नमस"), "not in the prompt"));
  CHECK(has(error("x\u0323\u0302cat", "cat"), "not in the prompt"));
  CHECK(found("i ❤️ cats", "❤️") == "❤️");
}

TEST_CASE("punctuation is matched as it stands") {
  CHECK(found("cat, dog", "cat,") == "cat,");
  CHECK(found("cat, dog", "cat, dog") == "cat, dog");
  CHECK(found("black-and-white", "and") == "and");
  CHECK(has(error("cat dog", "cat, dog"), "not in the prompt"));
}

TEST_CASE("all occurrences are found in order, or one of them by number") {
  const std::string prompt = "Cat and cat, category CAT";
  CHECK(found(prompt, "cat") == "Cat|cat|CAT");
  CHECK(found(prompt, "cat", 1) == "Cat");
  CHECK(found(prompt, "cat", 3) == "CAT");
  CHECK(has(error(prompt, "cat", 4), "3 times"));
  CHECK(has(error(prompt, "cat", -1), "occurrence -1"));
  CHECK(found("big big big", "big big") == "big big");
}

TEST_CASE("scripts without spaces are matched by character") {
  CHECK(has(found("黒猫が好き", "猫"), "猫"));
  CHECK(has(found("3D猫", "猫"), "猫"));
}

TEST_CASE("a missing phrase is an error that lists the prompt's words") {
  const auto message = error("A photo of a cat, a photo", "catt");
  CHECK(has(message, "\"catt\" is not in the prompt"));
  CHECK(has(message, "A, photo, of, a, cat"));
  CHECK(has(message, "did you mean cat?"));
  CHECK(has(error("", "cat"), "not in the prompt"));
}

TEST_CASE("a phrase that truncation cuts off is an error that says so") {
  std::string prompt = "cat";
  for (int i = 0; i < 74; ++i) prompt += " tree";
  CHECK(found(prompt + " dog", "cat") == "cat");
  CHECK(has(error(prompt + " dog", "dog"), "first 75 tokens"));
  CHECK(has(error(prompt + " cat", "cat"), "shorten the prompt"));
  CHECK(found(prompt + " cat", "cat", 1) == "cat");
  CHECK(has(error(prompt + " house", "tree house"), "first 75 tokens"));
}

TEST_CASE("blank, long and damaged phrases are refused") {
  CHECK(has(error("cat", ""), "empty"));
  CHECK(has(error("cat", " \n"), "empty"));
  CHECK(has(error("cat", std::string(1025, 'a')), "1025 bytes"));
  CHECK(has(error("cat", "\xFF"), "UTF-8"));
}

TEST_CASE("searching a hostile prompt is quick") {
  std::string prompt, phrase;
  while (prompt.size() + 2 <= kMaxPromptBytes) prompt += "a ";
  while (phrase.size() + 3 <= 1024) phrase += "a ";
  const auto start = std::chrono::steady_clock::now();
  error(prompt, phrase + "b");
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::milliseconds(500));
}
