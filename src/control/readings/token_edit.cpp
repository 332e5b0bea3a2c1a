#include "control/readings/token_edit.h"

#include <fmt/format.h>

#include "control/quote.h"
#include "control/recipe/words.h"

namespace corepulse::control {
namespace {

// The numbers of keys that stay follow them to their new places.
std::vector<double> moved(const std::vector<double>& numbers, const std::vector<int>& from, double normal) {
  if (numbers.empty()) return {};
  std::vector<double> out;
  for (const int key : from) out.push_back(key < 0 ? normal : numbers[key]);
  return out;
}

}  // namespace

bool TokenEdit::apply(Mix& mix, const Moment& m) const {
  bool found = false;
  mix.edit(m.part, [&](Draft& draft) {
    const auto* keys = fits(draft) ? keys_of(words_, draft, m) : nullptr;
    if (!keys) return false;
    change(draft, *keys, m);
    return found = true;
  });
  return found;
}

std::string TokenEdit::never(const std::string& texts) const {
  return phrase_not_found(words_, texts);
}

const std::vector<int>* keys_of(const Tokens& words, const Draft& reading, const Moment& moment) {
  const int text = reading.says().id;
  const auto& found = moment.tables.texts.find(text, words);
  moment.cut |= found.cut;
  if (found.positions.empty()) return nullptr;
  moment.texts.insert(text);
  return &found.positions;
}

std::vector<double> at_keys(const Draft& reading, const std::vector<int>& keys, double value, const Moment& moment) {
  std::vector<double> numbers(moment.tables.texts.keys(reading.says().id), 1);
  for (const int key : keys)  // of another text than this reading's, in older maths: it may be shorter
    if (static_cast<size_t>(key) < numbers.size()) numbers[key] = value;
  return numbers;
}

void scale_text(Draft& reading, double keys, double values, const Moment& moment) {
  const auto count = static_cast<size_t>(moment.tables.texts.keys(reading.sources[0].id));
  reading.scale_keys(std::vector<double>(count, keys));
  reading.scale_values(std::vector<double>(count, values));
}

void exchange_words(Draft& reading, const Tokens& words, const std::string& with, bool keep, const Moment& moment) {
  const auto next = moment.tables.texts.exchange(reading.sources[0].id, words, with, keep);
  reading.sources[0].id = next.text;
  reading.bias = moved(reading.bias, next.from, 0);
  reading.key_gain = moved(reading.key_gain, next.from, 1);
  reading.value_gain = moved(reading.value_gain, next.from, 1);
}

std::string phrase_not_found(const Tokens& words, const std::string& texts) {
  if (words.part != Tokens::Part::phrase)
    return fmt::format("no text that is read here has tokens of the part {}", name_of(words.part));
  const auto nth = words.occurrence > 0 ? fmt::format(" (occurrence {})", words.occurrence) : "";
  return fmt::format("the phrase {}{} is in no prompt that is read here; expected whole words of: {}",
                     quote(words.phrase), nth, texts);
}

}  // namespace corepulse::control
