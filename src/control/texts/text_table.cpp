#include "control/texts/text_table.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/quote.h"

namespace corepulse::control {

std::vector<Place> places(const TokenizedText& text) {
  std::vector<Place> all(text.ids.size(), Place::padding);
  const auto chunk = static_cast<size_t>(text.chunk);
  for (size_t p = 0; p < all.size(); p += chunk) all[p] = Place::start;
  for (const int position : text.positions) all[static_cast<size_t>(position)] = Place::word;
  for (size_t p = 1; p < all.size(); ++p)
    if (all[p] == Place::padding && all[p - 1] != Place::padding && all[p - 1] != Place::end) all[p] = Place::end;
  return all;
}

TextTable::TextTable(const Tokenizer& tokenizer, const std::string& prompt, const std::string& negative,
                     const PromptReader& reader)
    : tokenizer_(tokenizer), reader_(reader) {
  publish(add(prompt));
  publish(add(negative, true));
}

const std::vector<TokenizedText>& TextTable::tokenize(const PromptText& prompt) {
  auto& known = tokenized_[prompt.text];
  for (const auto& [same, encoders] : known)
    if (same == prompt) return encoders;
  auto encoders = tokenizer_(prompt);
  for (const auto& e : encoders)
    if (e.ids.size() != encoders.front().ids.size())
      fail(ErrorCode::unsupported_model, "control",
           "the model's text encoders read texts of different lengths; expected the same");
  return known.emplace_back(prompt, std::move(encoders)).second;
}

void TextTable::require_even(int text) const {
  // SDXL's second tokenizer takes every "!" for itself, as its padding: "!!" is two tokens to it, and one to the first.
  const auto& first = tokens(text);
  for (const auto& e : texts_[text].encoders) {
    const bool same =
        std::equal(e.tokens.begin(), e.tokens.end(), first.tokens.begin(), first.tokens.end(),
                   [](const TextToken& a, const TextToken& b) { return a.begin == b.begin && a.end == b.end; });
    if (!same || e.positions != first.positions)
      fail(
          ErrorCode::invalid_request, "control",
          fmt::format("the model's text encoders split {} differently, so its words have no common places for controls "
                      "that name words; write no two signs such as !! together, or leave those controls out",
                      quote(prompt(text))));
  }
}

int TextTable::add_text(Text text) {
  texts_.push_back(std::move(text));
  return static_cast<int>(texts_.size()) - 1;
}

int TextTable::add(const std::string& written, bool negative) {
  return add(reader_ ? reader_(written) : PromptText(written), negative);
}

int TextTable::add(const PromptText& prompt, bool negative) {
  const auto& encoders = tokenize(prompt);
  std::vector<std::vector<int>> ids;
  for (const auto& e : encoders) ids.push_back(e.ids);
  const auto [place, fresh] =
      plain_.emplace(std::tuple{negative, ids, encoders.front().weights}, static_cast<int>(texts_.size()));
  if (fresh) add_text({{.prompt = prompt.text, .stretches = prompt.stretches, .negative = negative}, encoders});
  return place->second;
}

void TextTable::adopt(const std::vector<ContextSpec>& specs) {
  for (size_t id = specs_.size(); id < specs.size(); ++id) {
    const auto& spec = specs[id];
    int text = add_noise(add(spec.text(), spec.negative), spec.noise, spec.noise_seed);
    if (!spec.picks.empty()) {
      Text derived = texts_[text];
      derived.spec = spec, derived.id = -1;
      for (auto& pick : derived.spec.picks) pick.text = numbers_[pick.text];
      text = add_text(std::move(derived));
    }
    publish(text);
  }
}

int TextTable::add_noise(int text, double noise, unsigned seed) {
  if (noise == 0) return text;
  auto noisy = texts_[text];
  noisy.spec.noise = noise, noisy.spec.noise_seed = seed, noisy.id = -1;
  for (size_t i = 0; i < texts_.size(); ++i)
    if (texts_[i].spec == noisy.spec) return static_cast<int>(i);
  return add_text(std::move(noisy));
}

void TextTable::change(int text, const std::vector<std::string>& by_step) {
  std::map<std::string, int> known;
  for (const auto& written : by_step) {
    const auto found = known.find(written);
    by_step_[text].push_back(found != known.end() ? found->second : known[written] = add(written, text == 1));
  }
}

int TextTable::at(int text, int step) const {
  return changes(text) ? by_step_[text].at(static_cast<size_t>(step)) : text;
}

TextId TextTable::publish(int text) {
  if (texts_[text].id >= 0) return texts_[text].id;
  auto spec = texts_[text].spec;
  for (auto& pick : spec.picks) pick.text = publish(pick.text);
  specs_.push_back(std::move(spec));
  numbers_.push_back(text);
  return texts_[text].id = static_cast<TextId>(specs_.size()) - 1;
}

}  // namespace corepulse::control
