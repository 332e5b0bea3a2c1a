// Words that files define: against Diffusers' load_textual_inversion, and files that are none.
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/format.h>
#include <fstream>
#include <limits>

#include "corepulse/embedding_list.h"
#include "corepulse/error.h"

#include "encoders.h"
#include "io/digest/sha256.h"
#include "io/json.h"
#include "kernels/device.h"
#include "support/golden.h"
#include "support/places.h"
#include "text/config_json.h"
#include "text/embeddings/embedded_words.h"
#include "text/prompt/encode.h"
#include "text/prompt/read_prompt.h"

namespace corepulse::text {
namespace {

namespace fs = std::filesystem;

fs::path words_folder() {
  return fs::path(test::golden_folder()) / "embeddings";
}

EmbeddedWords words_for(const std::vector<Encoder>& models, PromptSyntax syntax = PromptSyntax::plain,
                        Embeddings given = {words_folder().string(), {}}) {
  std::vector<ClipTokenizer> tokenizers;
  std::vector<int> widths;
  for (const auto& [tokenizer, model] : models) tokenizers.push_back(tokenizer), widths.push_back(model.config().width);
  return EmbeddedWords(given, tokenizers, widths, syntax);
}

ChunkedPrompt chunks_of(const std::vector<Encoder>& models, const EmbeddedWords& words, const std::string& prompt,
                        PromptSyntax syntax = PromptSyntax::plain, size_t encoder = 0) {
  return chunked(models[encoder].tokenizer, read_prompt(prompt, syntax), syntax, change_of(&words, encoder));
}

mx::array context(const std::vector<Encoder>& models, const EmbeddedWords& words, const std::string& prompt,
                  PromptSyntax syntax = PromptSyntax::plain) {
  const bool sdxl = models.size() == 2;
  std::vector<mx::array> parts;
  for (size_t i = 0; i < models.size(); ++i)
    parts.push_back(encode(models[i].model, models[i].tokenizer, chunks_of(models, words, prompt, syntax, i),
                           sdxl ? OutputRule{1, false} : OutputRule{}, syntax,
                           [&](const std::vector<int>& ids) { return words.vectors(i, ids); })
                        .context);
  return mx::concatenate(parts, 2);
}

size_t tokens_of(const std::vector<Encoder>& models, const EmbeddedWords& words, const std::string& prompt,
                 PromptSyntax syntax) {
  return chunks_of(models, words, prompt, syntax).tokens.size();
}

template <class Act>
std::string refusal_of(Act&& act) {
  try {
    act();
  } catch (const Error& error) {
    return std::string(name(error.code())) + " " + error.what();
  }
  return "";
}

/** A folder that is gone afterwards, with one file of these tensors. */
struct OneFile {
  fs::path folder = fs::temp_directory_path() / "corepulse-embeddings-test";
  OneFile(const std::string& name, const std::map<std::string, std::vector<int64_t>>& shapes, float value = 1) {
    fs::create_directories(folder);
    io::Tensors tensors;
    for (const auto& [key, shape] : shapes) {
      io::TensorView view{io::StoredType::f32, shape};
      auto numbers = std::make_shared<std::vector<float>>(view.elements(), value);
      view.data = reinterpret_cast<const std::byte*>(numbers->data()), view.bytes = 4 * numbers->size();
      view.owner = numbers;
      tensors[key] = view;
    }
    io::write_safetensors(folder / name, tensors);
  }
  ~OneFile() { fs::remove_all(folder); }
};

}  // namespace

TEST_CASE("words from files give the contexts that Diffusers gives") {
  const double bound = kernels::has_amx() ? 1e-4 : 1e-5;
  const test::Golden golden("embeddings");
  const auto prompts = io::parse_json(golden.metadata().at("prompts"), "golden");
  for (const std::string family : {"sd1", "sdxl"}) {
    const auto models = encoders(family);
    const auto words = words_for(models);
    for (size_t n = 0; n < prompts.at(family).size(); ++n) {
      const auto prompt = prompts.at(family)[n].get<std::string>();
      INFO(family, " ", prompt);
      CHECK(test::relative_error(context(models, words, prompt), golden.array(fmt::format("{}/{}", family, n))) <
            bound);
    }
  }
}

TEST_CASE("a word from a file takes as many tokens as the file has vectors, all of its name's bytes") {
  const auto models = encoders("sd1");
  const auto words = words_for(models);
  const auto made = chunks_of(models, words, "a RedCat, in my-style");
  REQUIRE(made.tokens.size() == 1 + 3 + 1 + 1 + 1);
  for (size_t i = 1; i <= 3; ++i) {
    CHECK(made.tokens[i].begin == 2);
    CHECK(made.tokens[i].end == 8);
    CHECK(made.tokens[i].ends_word == (i == 3));
  }
  CHECK(made.tokens.back().begin == 13);
  CHECK(made.tokens.back().end == 21);
  // Part of another word is none, and texts without such words stay, bit for bit.
  CHECK(tokens_of(models, words, "redcats", PromptSyntax::plain) == models[0].tokenizer.tokenize_all("redcats").size());
  CHECK(tokens_of(models, words, "aredcat", PromptSyntax::plain) == models[0].tokenizer.tokenize_all("aredcat").size());
  const auto plain =
      encode(models[0].model, models[0].tokenizer,
             chunked(models[0].tokenizer, std::string("a red cat"), PromptSyntax::plain), {}, PromptSyntax::plain);
  CHECK(test::same_bits(context(models, words, "a red cat"), plain.context));
}

TEST_CASE("each tool's syntax names such words in its own way") {
  const auto models = encoders("sd1");
  const auto comfy = words_for(models, PromptSyntax::comfy), a1111 = words_for(models, PromptSyntax::a1111);
  const auto plain_tokens = [&](const char* text) { return models[0].tokenizer.tokenize_all(text).size(); };
  CHECK(tokens_of(models, comfy, "embedding:redcat", PromptSyntax::comfy) == 3);
  CHECK(tokens_of(models, comfy, "(embedding:redcat:1.2), b", PromptSyntax::comfy) == 5);
  CHECK(tokens_of(models, comfy, "embedding:redcat.safetensors cat", PromptSyntax::comfy) == 4);
  CHECK(tokens_of(models, comfy, "redcat", PromptSyntax::comfy) == plain_tokens("redcat"));
  CHECK(tokens_of(models, a1111, "(redcat:1.2)", PromptSyntax::a1111) == 3);
  const auto word = chunks_of(models, comfy, "embedding:redcat", PromptSyntax::comfy);
  CHECK(word.tokens[0].begin == 10);  // the name, so that a control finds it
}

TEST_CASE("A1111's chunks never part such a word") {
  const auto models = encoders("sd1");
  const auto words = words_for(models, PromptSyntax::a1111);
  std::string prompt;
  for (int i = 0; i < 73; ++i) prompt += "cat ";
  const auto made = chunks_of(models, words, prompt + "redcat dog", PromptSyntax::a1111);
  REQUIRE(made.chunks.size() == 2);
  CHECK(made.positions[72] == 73);
  CHECK(made.positions[73] == 77 + 1);
  CHECK(chunks_of(models, words, prompt.substr(4) + "redcat", PromptSyntax::a1111).chunks.size() == 1);
}

TEST_CASE("a word of another family is an error where a text holds it, and nowhere else") {
  const auto models = encoders("sd1");
  const auto words = words_for(models);
  CHECK(refusal_of([&] { chunks_of(models, words, "a cat"); }) == "");
  const auto error = refusal_of([&] { chunks_of(models, words, "a big_dog"); });
  CHECK(error.find("unsupported_model") == 0);
  CHECK(
      error.find(
          "big_dog.safetensors has vectors of 24 and 32 numbers (SDXL); this model's text encoders take 24 numbers") !=
      std::string::npos);
}

TEST_CASE("files that are no textual inversion are refused by name") {
  const auto refused = [](const std::map<std::string, std::vector<int64_t>>& shapes) {
    const OneFile file("x.safetensors", shapes);
    return refusal_of([&] { open_embedding(file.folder / "x.safetensors"); });
  };
  CHECK(refused({{"a", {1, 24}}}) == "");
  CHECK(refused({{"a", {24}}}) == "");
  CHECK(refused({{"clip_l", {2, 24}}, {"clip_g", {2, 32}}}) == "");
  CHECK(refused({{"emb_params", {2, 24}}, {"extra", {2}}}) == "");
  for (const auto& bad : {refused({{"a", {1, 24}}, {"b", {1, 24}}}), refused({{"a", {1, 2, 24}}}),
                          refused({{"a", {76, 24}}}), refused({{"clip_l", {2, 24}}}),
                          refused({{"clip_l", {2, 24}}, {"clip_g", {3, 32}}}), refused({{"a", {1, 9000}}})})
    CHECK(bad.find("bad_file [embedding]") == 0);
  const OneFile nan("x.safetensors", {{"a", {1, 24}}}, std::numeric_limits<float>::quiet_NaN());
  CHECK(refusal_of([&] { open_embedding(nan.folder / "x.safetensors").read(0); }).find("not finite") !=
        std::string::npos);
  std::ofstream(nan.folder / "old.pt") << "PK\3\4 a pickle";
  const auto models = encoders("sd1");
  const auto words = words_for(models, PromptSyntax::plain, {nan.folder.string(), {}});
  CHECK(refusal_of([&] { chunks_of(models, words, "an old cat"); }).find("convert") != std::string::npos);
  const auto listed = list_embeddings(nan.folder);
  REQUIRE(listed.size() == 2);
  CHECK(listed[0].name == "old");
  CHECK(listed[0].error != "");
  CHECK(listed[1].vectors == 1);
  CHECK(listed[1].widths == std::vector{24});
}

TEST_CASE("a recipe's words are those that it names, and their files are what they were") {
  const auto models = encoders("sd1");
  const auto folder = words_folder().string();
  const auto digest = io::sha256_file(words_folder() / "redcat.safetensors");
  const auto words = words_for(models, PromptSyntax::plain, {folder, {{"redcat", digest}}});
  CHECK(tokens_of(models, words, "redcat my-style", PromptSyntax::plain) ==
        3 + models[0].tokenizer.tokenize_all("my-style").size());
  const auto refused = [&](const Embeddings& given) {
    return refusal_of([&] { words_for(models, PromptSyntax::plain, given); });
  };
  CHECK(refused({folder, {{"redcat", std::string(64, '0')}}}).find("bad_file") == 0);
  CHECK(refused({folder, {{"bluecat", ""}}}).find("not_found") == 0);
  CHECK(refused({folder + "/none", {}}).find("not_found") == 0);
}

}  // namespace corepulse::text
