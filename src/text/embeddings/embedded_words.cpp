#include "text/embeddings/embedded_words.h"

#include <algorithm>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "mlx/ops.h"

#include "base/fail.h"
#include "io/digest/digests.h"
#include "io/file.h"
#include "io/utf8.h"

namespace corepulse::text {
namespace {

namespace fs = std::filesystem;

constexpr size_t kMostWords = 10000;
constexpr const char* kWhere = "embeddings";

bool is_pickle(const fs::path& path) {
  const auto extension = io::lower_extension(path);
  return extension == ".pt" || extension == ".bin" || extension == ".pth" || extension == ".ckpt";
}

/** "768 and 1280 numbers (SDXL)". */
std::string numbers_of(const std::vector<int>& widths) {
  const char* family = widths.size() == 2 ? " (SDXL)" : widths[0] == 768 ? " (SD1)" : widths[0] == 1024 ? " (SD2)" : "";
  return fmt::format("{} numbers{}", fmt::join(widths, " and "), family);
}

/** A model reads a file's vectors for its own text encoders: SDXL's refiner has the second alone. */
bool serves(const std::vector<int>& file, const std::vector<int>& model) {
  return file.size() >= model.size() && std::equal(model.rbegin(), model.rend(), file.rbegin());
}

}  // namespace

std::map<std::string, fs::path> embedding_words(const fs::path& folder) {
  std::error_code error;
  std::map<std::string, fs::path> words;
  if (!fs::is_directory(folder, error))
    fail(ErrorCode::not_found, kWhere,
         fmt::format("{} is no folder; expected one with .safetensors files", io::shown(folder)));
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    const auto& path = at->path();
    const bool tensors = io::lower_extension(path) == ".safetensors";
    if (!tensors && !is_pickle(path)) continue;
    const auto name = path.stem().string();
    if (!io::is_utf8(name) || name.empty()) continue;
    if (tensors)
      words[name] = path;
    else
      words.emplace(name, path);
    if (words.size() > kMostWords)
      fail(ErrorCode::bad_file, kWhere, fmt::format("{} holds more than {} files", io::shown(folder), kMostWords));
  }
  if (error) fail(ErrorCode::io, kWhere, fmt::format("{} cannot be read: {}", io::shown(folder), error.message()));
  return words;
}

EmbeddedWords::EmbeddedWords(const Embeddings& given, const std::vector<ClipTokenizer>& tokenizers,
                             const std::vector<int>& widths, PromptSyntax syntax)
    : folder_(given.folder), widths_(widths) {
  const auto all = embedding_words(given.folder);
  if (given.files.empty())
    for (const auto& [name, path] : all) add_word(name, path, widths);
  for (const auto& known : given.files) {
    const auto found = all.find(known.name);
    if (found == all.end())
      fail(ErrorCode::not_found, kWhere,
           fmt::format("{} holds no file for \"{}\"", io::shown(given.folder), io::printable(known.name)));
    add_word(known.name, found->second, widths);
    const auto& word = words_.back();
    if (known.sha256.empty() || !word.unusable.empty()) continue;
    if (const auto digest = sha256(word); digest != known.sha256)
      fail(ErrorCode::bad_file, kWhere,
           fmt::format("{} has the SHA-256 {}; the recipe's is {}: expected the file that it was drawn with",
                       io::shown(word.path), digest, io::printable(known.sha256)));
  }
  for (const auto& tokenizer : tokenizers) spell(tokenizer, syntax);
}

void EmbeddedWords::add_word(const std::string& name, const fs::path& path, const std::vector<int>& widths) {
  Word word{.name = name,
            .first = words_.empty() ? kFirstAddedId : words_.back().first + std::max(1, words_.back().vectors)};
  word.path = path;
  try {
    const auto file = open_embedding(path);
    word.vectors = file.vectors;
    if (!serves(file.widths, widths)) {
      word.code = ErrorCode::unsupported_model;
      word.unusable = fmt::format("[{}] {} has vectors of {}; this model's text encoders take {}", kWhere,
                                  io::shown(path), numbers_of(file.widths), numbers_of(widths));
    }
  } catch (const Error& error) {
    word.code = error.code(), word.unusable = error.what();
  }
  words_.push_back(std::move(word));
}

void EmbeddedWords::spell(const ClipTokenizer& tokenizer, PromptSyntax syntax) {
  const bool comfy = syntax == PromptSyntax::comfy;
  const std::string before = comfy ? "embedding:" : "";
  auto& spellings = spellings_.emplace_back();
  for (size_t i = 0; i < words_.size(); ++i)
    for (const char* behind : {"", ".safetensors"}) {
      if (*behind && !comfy) continue;  // ComfyUI takes the file's whole name, too
      Spelling spelling{{}, tokenizer.tokenize_all(before).size(), i};
      for (const auto& token : tokenizer.tokenize_all(before + words_[i].name + behind))
        spelling.ids.push_back(token.id);
      if (spelling.ids.size() > spelling.before) spellings[spelling.ids[0]].push_back(std::move(spelling));
    }
  for (auto& [id, list] : spellings)
    std::ranges::stable_sort(list, std::ranges::greater(), [](const Spelling& s) { return s.ids.size(); });
}

const EmbeddedWords::Spelling* EmbeddedWords::found(size_t encoder, const std::vector<Token>& tokens, size_t at) const {
  const auto list = spellings_.at(encoder).find(tokens[at].id);
  if (list == spellings_.at(encoder).end()) return nullptr;
  for (const auto& spelling : list->second) {
    const auto& ids = spelling.ids;
    if (ids.size() <= tokens.size() - at &&
        std::equal(ids.begin(), ids.end(), tokens.begin() + static_cast<std::ptrdiff_t>(at),
                   [](int id, const Token& token) { return id == token.id; }))
      return &spelling;
  }
  return nullptr;
}

std::vector<Token> EmbeddedWords::replaced(size_t encoder, std::vector<Token> tokens) const {
  std::vector<Token> made;
  for (size_t at = 0; at < tokens.size();) {
    const bool begins = at == 0 || tokens[at - 1].ends_word || tokens[at - 1].end < tokens[at].begin;
    const auto* spelling = begins ? found(encoder, tokens, at) : nullptr;
    if (!spelling) {
      made.push_back(tokens[at++]);
      continue;
    }
    const auto& word = words_[spelling->word];
    if (!word.unusable.empty()) throw Error(word.code, word.unusable);
    const auto& first = tokens[at + spelling->before];
    const auto& last = tokens[at + spelling->ids.size() - 1];
    for (int i = 0; i < word.vectors; ++i)
      made.push_back({word.first + i, first.begin, last.end, i + 1 == word.vectors});
    at += spelling->ids.size();
  }
  return made;
}

const EmbeddedWords::Word& EmbeddedWords::word_of(int id) const {
  const auto behind =
      std::upper_bound(words_.begin(), words_.end(), id, [](int i, const Word& word) { return i < word.first; });
  return *std::prev(behind);
}

const EmbeddingFile& EmbeddedWords::opened(const Word& word) const {
  const std::lock_guard lock(opening_);
  const auto known = opened_.find(word.first);
  if (known != opened_.end()) return known->second;
  auto file = open_embedding(word.path);
  if (file.vectors != word.vectors || !serves(file.widths, widths_))
    fail(ErrorCode::bad_file, kWhere, fmt::format("{} was changed meanwhile", io::shown(word.path)));
  return opened_.emplace(word.first, std::move(file)).first->second;
}

std::string EmbeddedWords::sha256(const Word& word) const {
  return io::kept_sha256(opened(word).file.mapping);
}

mx::array EmbeddedWords::vectors(size_t encoder, const std::vector<int>& ids) const {
  std::map<const Word*, mx::array> read;
  std::vector<mx::array> rows;
  for (const int id : ids) {
    const auto& word = word_of(id);
    auto known = read.find(&word);
    if (known == read.end()) {
      const auto& file = opened(word);
      known = read.emplace(&word, file.read(file.widths.size() - widths_.size() + encoder)).first;
    }
    const int i = id - word.first, width = known->second.shape(1);
    rows.push_back(mx::slice(known->second, {i, 0}, {i + 1, width}));
  }
  return mx::concatenate(rows, 0);
}

std::set<const EmbeddedWords::Word*> EmbeddedWords::words_in(const std::vector<Token>& tokens) const {
  std::set<const Word*> used;
  for (const auto& token : tokens)
    if (token.id >= kFirstAddedId) used.insert(&word_of(token.id));
  return used;
}

TokenChange change_of(const EmbeddedWords* words, size_t encoder) {
  if (!words) return {};
  return [words, encoder](std::vector<Token> tokens) { return words->replaced(encoder, std::move(tokens)); };
}

}  // namespace corepulse::text
