// Special and added tokens of a folder, which four files may declare in old and new ways.

#include <array>
#include <charconv>
#include <fmt/format.h>
#include <map>
#include <set>

#include "io/utf8.h"
#include "text/tokenizer_folder.h"

namespace corepulse::text {
namespace {

using io::Json;

constexpr auto kConfigFile = "tokenizer_config.json";
constexpr size_t kMostAdded = 1024, kMostAddedBytes = 64;
constexpr std::array kNames{"bos_token", "eos_token", "unk_token", "pad_token"};

/** The text of a token given as a string or as an object (AddedToken); "" if it is neither. */
std::string text_of(const Json& token) {
  const auto text = token.is_object() ? token.value("content", Json()) : token;
  return text.is_string() ? text.get<std::string>() : "";
}

bool flag(const Json& token, const char* name) {
  return token.is_object() && token.value(name, Json()) == true;
}

struct AddedTokens {
  const TokenizerFolder& folder;
  Vocabulary& v;
  std::map<std::string, AddedToken> tokens;
  std::set<std::string> listed;  // Those that came with an id and flags.

  AddedToken checked(const char* file, const Json& token, int id) const {
    const auto text = text_of(token);
    if (text.empty() || text.size() > kMostAddedBytes)
      folder.bad(file, fmt::format("an added token has not 1 to {} bytes", kMostAddedBytes));
    for (const auto* name : {"lstrip", "rstrip", "single_word"})
      if (flag(token, name)) folder.unsupported(file, fmt::format("\"{}\" uses {}", io::printable(text), name));
    return {text, id, flag(token, "normalized")};
  }

  void add_listed(const char* file, const Json& value, int id) {
    const auto token = checked(file, value, id);
    const int known = v.id(token.text);
    if (known >= 0 && known != id)
      folder.bad(file, fmt::format("\"{}\" has the ids {} and {}", io::printable(token.text), known, id));
    tokens[token.text] = token;
    listed.insert(token.text);
    if (tokens.size() > kMostAdded) folder.unsupported(file, fmt::format("more than {} added tokens", kMostAdded));
  }

  /** A later name decides the flags of an equal text, as in transformers. */
  void add_named(const char* name, const Json& value, int& id) {
    auto token = checked(kConfigFile, value, 0);
    if (!listed.contains(token.text)) {
      token.id = v.id(token.text);
      if (token.id < 0) folder.bad(kConfigFile, fmt::format("{}: no token \"{}\"", name, io::printable(token.text)));
      tokens[token.text] = token;
    }
    id = tokens[token.text].id;
  }

  /** Special tokens by other names change what a prompt means: none may go unnoticed. */
  void check_other_names(const Json& names) const {
    for (const auto& [key, value] : names.items()) {
      const bool list = key == "additional_special_tokens" || key == "extra_special_tokens";
      if (!list && !key.ends_with("_token")) continue;
      for (const auto& token : list&& value.is_structured() ? value : Json::array({value}))
        if (const auto text = text_of(token); !text.empty() && !tokens.contains(text))
          folder.unsupported(kConfigFile, fmt::format("{} has \"{}\"", io::printable(key), io::printable(text)));
    }
  }

  void read_listed(const Json& config, const Json& in_tokenizer_json, Json& names);
};

void AddedTokens::read_listed(const Json& config, const Json& in_tokenizer_json, Json& names) {
  if (const auto decoder = config.find("added_tokens_decoder"); decoder != config.end()) {
    for (const auto& [key, value] : decoder->items()) {
      int id = -1;
      std::from_chars(key.data(), key.data() + key.size(), id);
      add_listed(kConfigFile, value, folder.id(id, kConfigFile, key));
    }
    return;  // The other files are older forms of the same.
  }
  names.update(folder.object_if_there("special_tokens_map.json"));
  std::set<std::string> special;
  for (const auto* name : kNames) special.insert(text_of(names.value(name, Json())));
  constexpr auto old_file = "added_tokens.json";
  const auto old = folder.object_if_there(old_file);
  for (const auto& [text, value] : old.items())
    add_listed(old_file, {{"content", text}, {"normalized", !special.contains(text)}},
               folder.id(value, old_file, text));
  for (const auto& token : in_tokenizer_json) {
    const auto id = token.is_object() ? token.value("id", Json()) : Json();
    add_listed("tokenizer.json", token, folder.id(id, "tokenizer.json", text_of(token)));
  }
}

}  // namespace

void read_added_tokens(const TokenizerFolder& folder, const Json& config, const Json& listed, Vocabulary& v) {
  AddedTokens added{folder, v};
  auto names = config;
  added.read_listed(config, listed, names);
  const std::array ids{&v.bos, &v.eos, &v.unk, &v.pad};
  for (size_t i = 0; i < ids.size(); ++i) {
    auto value = names.value(kNames[i], Json());
    if (value.is_null()) value = ids[i] == &v.bos ? kStartOfText : kEndOfText;
    added.add_named(kNames[i], value, *ids[i]);
  }
  added.check_other_names(names);
  for (const auto& [text, token] : added.tokens) v.added.push_back(token);
}

}  // namespace corepulse::text
