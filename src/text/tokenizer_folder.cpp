#include "text/tokenizer_folder.h"

#include <fmt/format.h>

#include "base/fail.h"
#include "io/file.h"
#include "io/utf8.h"
#include "text/merges.h"

namespace corepulse::text {
namespace {

using io::Json;

constexpr int kMostIds = 1 << 20;
constexpr size_t kMostMergesBytes = 32u << 20;
constexpr double kUnknownLength = 1e9;  // transformers writes 1e30 where no length is known.

void read_ids(const TokenizerFolder& folder, const Json& tokens, const char* file, Vocabulary& v) {
  if (!tokens.is_object() || tokens.empty()) folder.bad(file, "expected tokens and their ids");
  std::vector<bool> used(kMostIds);
  v.ids.reserve(tokens.size());
  for (const auto& [token, value] : tokens.items()) {
    const int id = folder.id(value, file, token);
    if (used[id]) folder.bad(file, fmt::format("two tokens have the id {}", id));
    used[id] = true;
    v.ids.emplace(token, id);
  }
}

void read_model(const TokenizerFolder& folder, const Json& model, Vocabulary& v) {
  constexpr auto file = "tokenizer.json";
  if (!model.is_object() || model.value("type", Json()) != "BPE") folder.bad(file, "expected a BPE model");
  read_ids(folder, model.value("vocab", Json()), file, v);
  for (const auto& merge : model.value("merges", Json::array())) {
    if (merge.is_string()) {
      v.merges.push_back(parse_merge(merge.get_ref<const std::string&>(), file));
    } else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() && merge[1].is_string()) {
      v.merges.emplace_back(merge[0], merge[1]);
    } else {
      folder.bad(file, "a merge is neither one text nor two");
    }
  }
}

int max_length(const TokenizerFolder& folder, const Json& config) {
  constexpr auto file = "tokenizer_config.json";
  const auto value = config.value("model_max_length", Json(77));
  if (!value.is_number()) folder.bad(file, "model_max_length is not a number");
  const double length = value.get<double>();
  if (length >= kUnknownLength) return 77;
  if (!(length >= 3 && length <= kMostPromptIds))
    folder.unsupported(file, fmt::format("model_max_length is {}, not in 3..{}", length, kMostPromptIds));
  return static_cast<int>(length);
}

}  // namespace

bool TokenizerFolder::has(const char* file) const {
  std::error_code ignored;
  return std::filesystem::exists(path / file, ignored);
}

Json TokenizerFolder::object(const char* file) const {
  auto json = io::read_json(path / file);
  if (!json.is_object()) bad(file, "expected a JSON object");
  return json;
}

Json TokenizerFolder::object_if_there(const char* file) const {
  return has(file) ? object(file) : Json::object();
}

void TokenizerFolder::bad(std::string_view file, std::string_view message) const {
  fail(ErrorCode::bad_file, "tokenizer", fmt::format("{}: {}", (path / file).string(), message));
}

void TokenizerFolder::unsupported(std::string_view file, std::string_view message) const {
  fail(ErrorCode::unsupported_model, "tokenizer",
       fmt::format("{}: {}; expected a tokenizer as CLIP's", (path / file).string(), message));
}

int TokenizerFolder::id(const Json& value, const char* file, std::string_view token) const {
  if (!value.is_number_integer() || value < 0 || value >= kMostIds)
    bad(file, fmt::format("token \"{}\" has no id in 0..{}", io::printable(token), kMostIds - 1));
  return value.get<int>();
}

Vocabulary read_tokenizer_folder(const std::filesystem::path& path) {
  const TokenizerFolder folder{path};
  const auto config = folder.object_if_there("tokenizer_config.json");
  const auto name = config.value("tokenizer_class", Json("CLIPTokenizer"));
  if (name != "CLIPTokenizer" && name != "CLIPTokenizerFast")
    folder.unsupported("tokenizer_config.json", fmt::format("the tokenizer is a {}", name.dump()));

  Vocabulary v;
  Json listed;
  if (folder.has("vocab.json")) {
    read_ids(folder, folder.object("vocab.json"), "vocab.json", v);
    const auto merges = path / "merges.txt";
    v.merges = parse_merges(io::read_file(merges, kMostMergesBytes), merges.string());
  } else if (folder.has("tokenizer.json")) {
    const auto json = folder.object("tokenizer.json");
    read_model(folder, json.value("model", Json()), v);
    listed = json.value("added_tokens", Json());
  } else {
    fail(ErrorCode::not_found, "tokenizer",
         fmt::format("{} holds no tokenizer; expected vocab.json and merges.txt, or tokenizer.json", path.string()));
  }
  read_added_tokens(folder, config, listed, v);
  v.max_length = max_length(folder, config);
  return v;
}

}  // namespace corepulse::text
