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
                     const PromptReader& reader, const std::string& prompt_2, const std::string& negative_2)
    : tokenizer_(tokenizer), reader_(reader) {
  const std::string* further[] = {&prompt_2, &negative_2};
  for (int i = 0; i < 2; ++i)
    if (!further[i]->empty()) second_[i] = reader_ ? reader_(*further[i]) : PromptText(*further[i]);
  const auto read = [this](const std::string& written) { return reader_ ? reader_(written) : PromptText(written); };
  publish(add(read(prompt), false, second_[0]));
  publish(add(read(negative), true, second_[1]));
}

/** The first encoder reads one text, the others another; the shorter of them goes on as an empty text does. */
std::vector<TokenizedText> TextTable::tokenized_apart(const PromptText& prompt, const PromptText& second) const {
  auto encoders = tokenizer_(prompt);
  const auto others = tokenizer_(second), none = tokenizer_({});
  std::copy(others.begin() + 1, others.end(), encoders.begin() + 1);
  size_t longest = 0;
  for (const auto& e : encoders) longest = std::max(longest, e.ids.size());
  for (size_t i = 0; i < encoders.size(); ++i) {
    auto& [ids, tokens, positions, chunk, weights] = encoders[i];
    while (ids.size() < longest) ids.insert(ids.end(), none[i].ids.begin(), none[i].ids.end());
    if (!weights.empty()) weights.resize(ids.size(), 1);
  }
  return encoders;
}

const std::vector<TokenizedText>& TextTable::tokenize(const PromptText& prompt,
                                                      const std::optional<PromptText>& second) {
  auto& known = tokenized_[prompt.text];
  for (const auto& same : known)
    if (same.prompt == prompt && same.second == second) return same.encoders;
  auto encoders = second ? tokenized_apart(prompt, *second) : tokenizer_(prompt);
  for (const auto& e : encoders)
    if (e.ids.size() != encoders.front().ids.size())
      fail(ErrorCode::unsupported_model, "control",
           "the model's text encoders read texts of different lengths; expected the same");
  return known.emplace_back(Tokenized{prompt, second, std::move(encoders)}).encoders;
}

void TextTable::require_even(int text) const {
  // SDXL's second tokenizer takes every "!" for itself, as its padding: "!!" is two tokens to it, and one to the first.
  if (texts_[text].spec.second) return;  // phrases are the first encoder's
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

int TextTable::add_own(const std::string& written) {
  return add(reader_ ? reader_(written) : PromptText(written), false, second_[0]);
}

int TextTable::add(const PromptText& prompt, bool negative, const std::optional<PromptText>& second) {
  const auto& encoders = tokenize(prompt, second);
  std::vector<std::vector<int>> ids;
  std::vector<std::vector<double>> weights;
  for (const auto& e : encoders) ids.push_back(e.ids), weights.push_back(e.weights);
  const auto [place, fresh] =
      plain_.emplace(std::tuple{negative, std::move(ids), std::move(weights)}, static_cast<int>(texts_.size()));
  if (fresh)
    add_text(
        {{.prompt = prompt.text, .stretches = prompt.stretches, .negative = negative, .second = second}, encoders});
  return place->second;
}

void TextTable::adopt(const std::vector<ContextSpec>& specs) {
  for (size_t id = specs_.size(); id < specs.size(); ++id) {
    const auto& spec = specs[id];
    int text = add_noise(add(spec.text(), spec.negative, spec.second), spec.noise, spec.noise_seed);
    for (const auto& change : spec.changes) text = add_changed(text, change);
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
  noisy.spec.noise = noise, noisy.spec.noise_seed = seed;
  return find_or_add(std::move(noisy));
}

int TextTable::add_changed(int text, const WeightChange& change) {
  auto changed = texts_[text];
  changed.spec.changes.push_back(change);
  for (auto& pick : changed.spec.picks) pick.text = add_changed(pick.text, change);
  return find_or_add(std::move(changed));
}

int TextTable::find_or_add(Text text) {
  for (size_t i = 0; i < texts_.size(); ++i)
    if (texts_[i].spec == text.spec) return static_cast<int>(i);
  text.id = -1;
  return add_text(std::move(text));
}

void TextTable::change(int text, const std::vector<std::string>& by_step) {
  std::map<std::string, int> known;
  for (const auto& written : by_step) {
    const auto found = known.find(written);
    const auto prompt = reader_ ? reader_(written) : PromptText(written);
    by_step_[text].push_back(found != known.end() ? found->second
                                                  : known[written] = add(prompt, text == 1, second_[text]));
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
