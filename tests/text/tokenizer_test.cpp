// What holds for every prompt, and what is refused.

#include <doctest/doctest.h>
#include <fstream>
#include <thread>

#include "corepulse/error.h"

#include "golden.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

std::string repeated(std::string_view piece, size_t bytes) {
  std::string text;
  while (text.size() + piece.size() <= bytes) text += piece;
  return text;
}

ErrorCode code_of(const std::function<void()>& run) {
  try {
    run();
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::internal;
}

}  // namespace

TEST_CASE("a prompt becomes 77 ids: beginning, its tokens, end, padding") {
  const auto encoded = clip_tokenizer().encode("a photo of a cat");
  CHECK(ids_of(encoded.tokens) == std::vector<int>{320, 1125, 539, 320, 2368});
  CHECK(encoded.cut.empty());
  std::vector<int> expected{49406, 320, 1125, 539, 320, 2368};
  expected.resize(77, 49407);
  CHECK(encoded.ids == expected);
  std::fill(expected.begin() + 7, expected.end(), 0);
  CHECK(clip_tokenizer(Padding::exclamation).encode("a photo of a cat").ids == expected);
}

TEST_CASE("the empty prompt is beginning, end and padding") {
  const auto encoded = clip_tokenizer().encode("");
  CHECK(encoded.tokens.empty());
  CHECK(encoded.ids[0] == clip_tokenizer().bos());
  CHECK(encoded.ids[1] == clip_tokenizer().eos());
  CHECK(encoded.ids.size() == 77);
}

TEST_CASE("what does not fit is reported, and nothing else") {
  const auto fits = repeated("cat ", 75 * 4);
  CHECK(clip_tokenizer().encode(fits).cut.empty());
  const auto encoded = clip_tokenizer().encode(fits + "dog, bird");
  CHECK(encoded.cut == "dog, bird");
  CHECK(encoded.tokens.size() == 75);
  CHECK(encoded.ids[76] == clip_tokenizer().eos());
  CHECK(encoded.ids == clip_tokenizer().encode(fits).ids);
}

TEST_CASE("every token knows the bytes of the prompt as given") {
  const std::string prompt = "  A  CAFE\u0301, \u0130x \U0001F469\u200D\U0001F4BB don't<|endoftext|>";
  const auto tokens = clip_tokenizer().tokenize_all(prompt);
  const auto text = [&](size_t i) { return prompt.substr(tokens[i].begin, tokens[i].end - tokens[i].begin); };
  CHECK(text(0) == "A");
  CHECK(text(1) == "CAFE\u0301");  // One token: composed, then lowercased.
  CHECK(text(2) == ",");
  CHECK(text(3) == "\u0130");  // "i" and a dot above, from one capital.
  CHECK(text(tokens.size() - 1) == "<|endoftext|>");
  CHECK(text(tokens.size() - 2) == "'t");
  CHECK(text(tokens.size() - 3) == "don");
  int covered = 2;
  for (const auto& token : tokens) {
    CHECK(token.begin < token.end);
    for (int b = covered; b < token.begin; ++b) CHECK(prompt[b] == ' ');
    covered = std::max(covered, token.end);
  }
  CHECK(covered == static_cast<int>(prompt.size()));
}

TEST_CASE("a prompt that is not UTF-8, or longer than 16 KiB, is refused") {
  const auto refused = [](std::string_view prompt) {
    return code_of([&] { clip_tokenizer().encode(prompt); }) == ErrorCode::invalid_request;
  };
  CHECK(refused("caf\xE9"));
  CHECK(refused("\xC0\x80"));
  CHECK(refused("\xED\xA0\x80"));
  CHECK(refused("\xF4\x90\x80\x80"));
  CHECK(refused("a\xE2\x82"));
  CHECK_FALSE(refused(std::string(16384, ' ')));
  CHECK(refused(std::string(16385, ' ')));
  CHECK(refused(std::string(200000, ' ')));
  CHECK_FALSE(refused(std::string_view("\0a\0", 3)));
}

TEST_CASE("16 KiB of hostile text are read to their end") {
  for (const auto* piece : {"a", "ab", " ", "!", "9", "\u0301", "a\u0323\u0301", "\u0345\u0334", "\u1100\u1161",
                            "\U0001F469\u200D", "<|endoftext|>", "<", "'", "in", "\uAC00\u11A8", "th"}) {
    CAPTURE(piece);
    const auto encoded = clip_tokenizer().encode(repeated(piece, kMaxPromptBytes));
    CHECK(encoded.ids.size() == 77);
    CHECK(encoded.tokens.size() <= 75);
  }
}

TEST_CASE("threads may share a tokenizer") {
  const auto& tokenizer = clip_tokenizer();
  const auto expected = tokenizer.encode("a photo of an astronaut").ids;
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (auto& w : wrong)
    threads.emplace_back([&] {
      for (int i = 0; i < 200; ++i) w += tokenizer.encode("a photo of an astronaut").ids != expected;
    });
  for (auto& t : threads) t.join();
  CHECK(wrong == std::vector<int>(4));
}
