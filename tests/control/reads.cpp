#include "reads.h"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fmt/format.h>

#include "support.h"

namespace corepulse::control::test {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// A number for every embedding; spellings of a text that differ in case have the same tokens.
std::map<std::string, int>& key_numbers() {
  static std::map<std::string, int> numbers;
  return numbers;
}

}  // namespace

int key(const std::string& prompt, int position) {
  auto& numbers = key_numbers();
  return numbers.emplace(fmt::format("{}#{}", lower(prompt), position), numbers.size()).first->second;
}

std::string key_name(int number) {
  for (const auto& [name, n] : key_numbers())
    if (n == number) return name;
  return "?";
}

Read of_text(const std::string& prompt, size_t keys) {
  static std::map<std::pair<std::string, size_t>, Read> memory;
  const auto [place, fresh] = memory.try_emplace({prompt, keys});
  auto& read = place->second;
  if (!fresh) return read;
  read.prompt = prompt;
  for (size_t i = 0; i < keys; ++i) read.keys.push_back(key(prompt, static_cast<int>(i)));
  read.weight.assign(keys, 1), read.key_gain.assign(keys, 1), read.value_gain.assign(keys, 1);
  return read;
}

namespace {

// Byte positions of whole words, by looking at the text itself.
std::vector<size_t> occurrences(const std::string& prompt, const Tokens& tokens) {
  const auto text = lower(prompt), phrase = lower(tokens.phrase);
  const auto in_word = [&](size_t i) { return i < text.size() && std::isalnum(text[i]); };
  std::vector<size_t> all;
  for (size_t i = text.find(phrase); i != text.npos; i = text.find(phrase, i + 1))
    if (!(i > 0 && in_word(i - 1)) && !in_word(i + phrase.size())) all.push_back(i);
  if (tokens.occurrence == 0) return all;
  if (tokens.occurrence > static_cast<int>(all.size())) return {};
  return {all[tokens.occurrence - 1]};
}

}  // namespace

std::vector<int> positions(const std::string& prompt, const Tokens& tokens) {
  static std::map<std::tuple<std::string, std::string, int>, std::vector<int>> memory;
  const auto [place, fresh] = memory.try_emplace({prompt, tokens.phrase, tokens.occurrence});
  auto& all = place->second;
  if (!fresh) return all;
  const auto text = tokenize(prompt)[0];
  for (const size_t at : occurrences(prompt, tokens))
    for (size_t i = 0; i < text.tokens.size(); ++i)
      if (text.tokens[i].begin >= static_cast<int>(at) &&
          text.tokens[i].end <= static_cast<int>(at + tokens.phrase.size()))
        all.push_back(static_cast<int>(i) + 1);
  return all;
}

Read exchanged(const Read& old, const Tokens& tokens, std::string with, bool keep) {
  std::string prompt = old.prompt;
  const auto places = occurrences(prompt, tokens);
  for (auto at = places.rbegin(); at != places.rend(); ++at) {
    size_t size = tokens.phrase.size();
    if (with.empty() && *at > 0 && prompt[*at - 1] == ' ' && prompt[*at + size] == ' ') ++size;
    prompt.replace(*at, size, with);
  }
  auto fresh = of_text(prompt);
  fresh.share = old.share, fresh.temperature = old.temperature, fresh.query = old.query;
  // Words in order: the old ones without the phrase are the new ones without the new words.
  const auto gone = positions(old.prompt, tokens);
  const int added = static_cast<int>(tokenize(with)[0].tokens.size());
  const int per_place = places.empty() ? 0 : static_cast<int>(gone.size() / places.size());
  std::vector<int> from;  // by new position
  int p = 0;
  while (static_cast<int>(from.size()) < 77) {
    const bool starts = std::find(gone.begin(), gone.end(), p) != gone.end();
    if (starts) {
      for (int i = 0; i < added; ++i) from.push_back(-1);
      p += per_place;
    } else {
      from.push_back(p < 77 ? p : -1), ++p;
    }
  }
  for (int i = 0; i < 77; ++i) {
    if (from[i] < 0) continue;
    if (keep) fresh.keys[i] = old.keys[from[i]];
    fresh.weight[i] = old.weight[from[i]];
    fresh.key_gain[i] = old.key_gain[from[i]];
    fresh.value_gain[i] = old.value_gain[from[i]];
  }
  return fresh;
}

void weigh(Read& read, const std::vector<int>& places, double s) {
  if (read.map.empty()) {
    for (const int p : places) read.weight[p] *= s;
    return;
  }
  const size_t columns = read.map.size() / read.keys.size();
  for (size_t i = 0; i < read.keys.size(); ++i) {
    double w = 1;
    for (const int p : places) w += read.map[i * columns + p] * (s - 1), read.map[i * columns + p] *= s;
    if (std::abs(w) < 1e-9) w = 0;
    read.weight[i] *= w;
    for (size_t j = 0; j < columns && w != 0; ++j) read.map[i * columns + j] /= w;
  }
}

Read seen_by(const Read& read, int image) {
  Read seen = read;
  seen.query = image, seen.temperature = 1;
  seen.weight.assign(read.weight.size(), 1), seen.key_gain.assign(read.weight.size(), 1);
  return seen;
}

}  // namespace corepulse::control::test
