// Tokenizer folders and vocabularies that are damaged or not CLIP's.

#include <doctest/doctest.h>
#include <fstream>

#include "corepulse/error.h"

#include "golden.h"

using namespace corepulse;
using namespace corepulse::text;

namespace {

namespace fs = std::filesystem;

/** A small tokenizer folder that tests change, removed at the end. */
struct Folder {
  fs::path path = fs::temp_directory_path() / "corepulse_tokenizer_folder_test";

  Folder() {
    fs::remove_all(path);
    fs::create_directories(path);
    write("vocab.json", R"({"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4,
                            "<|startoftext|>": 5, "<|endoftext|>": 6})");
    write("merges.txt", "#version: 0.2\na b</w>\n");
    write("tokenizer_config.json", R"({"tokenizer_class": "CLIPTokenizer", "model_max_length": 8})");
  }
  ~Folder() { fs::remove_all(path); }
  void write(const char* name, std::string_view text) const { std::ofstream(path / name) << text; }

  std::vector<int> ids(std::string_view prompt) const {
    return ClipTokenizer(read_tokenizer_folder(path)).encode(prompt).ids;
  }
  /** The error that reading gives, as "code: message", or "". */
  std::string error() const {
    try {
      ClipTokenizer(read_tokenizer_folder(path)).encode("ab");
    } catch (const Error& e) {
      return std::string(name(e.code())) + ": " + e.what();
    }
    return "";
  }
};

bool has(const std::string& text, std::string_view part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("a folder with any vocabulary is read; what it cannot spell is its unknown token") {
  const Folder folder;
  CHECK(folder.ids("ab ba c") == std::vector<int>{5, 4, 1, 2, 6, 6, 6, 6});
}

TEST_CASE("lines may end as on Windows") {
  const Folder folder;
  folder.write("merges.txt", "#version: 0.2\r\na b</w>\r\n");
  CHECK(folder.ids("ab")[1] == 4);
}

TEST_CASE("a folder that holds only tokenizer.json is read") {
  const Folder folder;
  const auto plain = folder.ids("ab ba c");
  for (const auto* merges : {R"(["a b</w>"])", R"([["a", "b</w>"]])"}) {
    fs::remove(folder.path / "vocab.json");
    folder.write("tokenizer.json",
                 R"({"added_tokens": [{"id": 7, "content": "<x>", "normalized": false}],
                     "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "a</w>": 2, "b</w>": 3, "ab</w>": 4,
                     "<|startoftext|>": 5, "<|endoftext|>": 6}, "merges": )" +
                     std::string(merges) + "}}");
    CHECK(folder.ids("ab ba c") == plain);
    CHECK(folder.ids("ab<x>")[2] == 7);
  }
}

TEST_CASE("a folder without tokenizer files is not found") {
  const Folder folder;
  fs::remove(folder.path / "vocab.json");
  CHECK(has(folder.error(), "not_found"));
  CHECK(has(folder.error(), "vocab.json"));
}

TEST_CASE("a damaged folder is refused with the file's name") {
  const auto refused = [](const char* file, std::string_view text, std::string_view message) {
    const Folder folder;
    folder.write(file, text);
    const auto error = folder.error();
    INFO(error);
    CHECK(has(error, "bad_file"));
    CHECK(has(error, message));
  };
  refused("vocab.json", "[]", "vocab.json");
  refused("vocab.json", "{", "vocab.json");
  refused("vocab.json", "{}", "vocab.json");
  refused("vocab.json", R"({"a": 0, "b": 0})", "the id 0");
  refused("vocab.json", R"({"a": -1})", "no id in");
  refused("vocab.json", R"({"a": 1e9})", "no id in");
  refused("vocab.json", R"({"a": 99999999})", "no id in");
  refused("vocab.json", R"({"a": 0})", "no token");
  refused("merges.txt", "a b</w> c\n", "merges.txt");
  refused("merges.txt", "ab\n", "merges.txt");
  refused("merges.txt", "a b</w>\n\n", "merges.txt");
  refused("merges.txt", "b a</w>\n", "ba</w>");
  refused("tokenizer_config.json", R"({"model_max_length": "77"})", "model_max_length");
  refused("tokenizer_config.json", R"({"pad_token": "<pad>"})", "<pad>");
  refused("tokenizer_config.json", R"({"pad_token": 3})", "added token");
  refused("tokenizer_config.json", R"({"added_tokens_decoder": {"3": {"content": "a"}}})", "ids 0 and 3");
  refused("tokenizer_config.json", R"({"added_tokens_decoder": {"x": {"content": "y"}}})", "no id in");
  refused("special_tokens_map.json", "3", "special_tokens_map.json");
}

TEST_CASE("what CLIP's tokenizers never use is refused rather than ignored") {
  const auto refused = [](std::string_view config, std::string_view message) {
    const Folder folder;
    folder.write("tokenizer_config.json", config);
    const auto error = folder.error();
    INFO(error);
    CHECK(has(error, "unsupported_model"));
    CHECK(has(error, message));
  };
  refused(R"({"tokenizer_class": "T5Tokenizer"})", "T5Tokenizer");
  refused(R"({"model_max_length": 5000})", "5000");
  refused(R"({"model_max_length": 2})", "model_max_length");
  refused(R"({"mask_token": "a"})", "mask_token");
  refused(R"({"additional_special_tokens": ["b"]})", "additional_special_tokens");
  refused(R"({"pad_token": {"content": "a", "lstrip": true}})", "lstrip");
}

TEST_CASE("LongCLIP's tokenizers give 248 ids") {
  const Folder folder;
  folder.write("tokenizer_config.json", R"({"model_max_length": 248})");
  CHECK(folder.ids("a").size() == 248);
}

TEST_CASE("an unknown length means 77") {
  const Folder folder;
  folder.write("tokenizer_config.json", R"({"model_max_length": 1000000000000000019884624838656})");
  CHECK(folder.ids("a").size() == 77);
}

TEST_CASE("a damaged shipped vocabulary is refused") {
  const Folder folder;
  const auto file = folder.path / "vocabulary.gz";
  CHECK_THROWS_WITH_AS(read_clip_vocabulary(file, Padding::eos), doctest::Contains("not there"), Error);
  fs::copy(kClipVocabulary, file);
  fs::resize_file(file, 100000);
  CHECK_THROWS_WITH_AS(read_clip_vocabulary(file, Padding::eos), doctest::Contains("vocabulary.gz"), Error);
  fs::resize_file(file, 0);
  CHECK_THROWS_WITH_AS(read_clip_vocabulary(file, Padding::eos), doctest::Contains("vocabulary.gz"), Error);
}

TEST_CASE("the shipped vocabulary has 49,408 tokens") {
  CHECK(clip_tokenizer().vocabulary_size() == 49408);
  CHECK(clip_tokenizer().max_length() == 77);
}
