// Ids against transformers' CLIPTokenizer.

#include <doctest/doctest.h>
#include <fstream>

#include "golden.h"
#include "io/utf8.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

using Ids = std::vector<int>;

void check_all(const ClipTokenizer& tokenizer, const char* name) {
  const auto& golden = tokenizer_golden();
  REQUIRE(golden["texts"].size() >= 5000);
  int wrong = 0;
  for (size_t i = 0; i < golden["texts"].size(); ++i) {
    const auto text = golden["texts"][i].get<std::string>();
    if (ids_of(tokenizer.tokenize_all(text)) == golden[name][i].get<Ids>()) continue;
    if (++wrong < 10) MESSAGE("text ", i, ": ", io::printable(text, 300));
  }
  CHECK(wrong == 0);
}

uint32_t checksum(const std::vector<Token>& tokens, uint32_t h) {
  for (const auto& token : tokens) h = (h ^ static_cast<uint32_t>(token.id)) * 16777619u;
  return h;
}

}  // namespace

TEST_CASE("the shipped vocabulary gives transformers' ids for texts of all scripts") {
  check_all(clip_tokenizer(), "clip");
}

TEST_CASE("a tokenizer folder with a small vocabulary gives transformers' ids for texts of all scripts") {
  check_all(ClipTokenizer(read_tokenizer_folder(kModels / "builtin/tokenizer")), "builtin");
}

TEST_CASE("every code point is composed, lowercased and classed as transformers does") {
  const auto& sums = tokenizer_golden()["every_code_point"];
  REQUIRE(sums.size() == 0x110000 / 256);
  for (char32_t start = 0; start < 0x110000; start += 256) {
    std::string between, among;
    for (char32_t c = start; c < start + 256; ++c) {
      if (c >= 0xD800 && c < 0xE000) continue;
      std::string self;
      io::append_utf8(self, c);
      between += "a" + self + "b ";
      among += "x\u0345" + self + "\u0334" + self + "\u0301 ";
    }
    auto sum = checksum(clip_tokenizer().tokenize_all(between), 2166136261u);
    sum = checksum(clip_tokenizer().tokenize_all(among), sum);
    INFO("code points from ", static_cast<uint32_t>(start));
    CHECK(sum == sums[start / 256].get<uint32_t>());
  }
}

TEST_CASE("prompts are cut and padded to 77 ids as each family's tokenizer does") {
  const auto& padded = tokenizer_golden()["padded"];
  for (size_t i = 0; i < padded["texts"].size(); ++i) {
    const auto text = padded["texts"][i].get<std::string>();
    INFO(io::printable(text));
    CHECK(clip_tokenizer(Padding::eos).encode(text).ids == padded["eos"][i].get<Ids>());
    CHECK(clip_tokenizer(Padding::exclamation).encode(text).ids == padded["exclamation"][i].get<Ids>());
  }
}

TEST_CASE("folders declare special tokens in old and new ways, understood as transformers does") {
  const auto& golden = tokenizer_golden();
  const auto folder = std::filesystem::temp_directory_path() / "corepulse_tokenizer_variant";
  for (const auto& variant : golden["variants"]) {
    std::filesystem::remove_all(folder);
    std::filesystem::create_directories(folder);
    for (const auto* name : {"vocab.json", "merges.txt"})
      std::filesystem::copy(kModels / "builtin/tokenizer" / name, folder / name);
    for (const auto& [name, content] : variant["files"].items()) std::ofstream(folder / name) << content.dump();
    const ClipTokenizer tokenizer(read_tokenizer_folder(folder));
    CHECK(tokenizer.pad() == variant["pad"].get<int>());
    for (size_t i = 0; i < variant["ids"].size(); ++i) {
      const auto text = golden["variant_texts"][i].get<std::string>();
      INFO(variant["files"].dump(), " ", text);
      CHECK(tokenizer.encode(text).ids == variant["ids"][i].get<Ids>());
    }
  }
  std::filesystem::remove_all(folder);
}
