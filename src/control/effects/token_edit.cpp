#include "control/effects/token_edit.h"

#include <fmt/format.h>

#include "control/quote.h"
#include "control/recipe/words.h"

namespace corepulse::control {

std::string AttentionEffect::never(const std::string& texts) const {
  return fmt::format("there is nothing it can act on; read here: {}", texts);
}

const std::vector<int>* keys_of(const Tokens& tokens, const Draft& reading, const Moment& moment) {
  const int text = reading.sources[0].id;
  const auto& found = moment.tables.texts.find(text, tokens);
  moment.cut |= found.cut;
  if (found.positions.empty()) return nullptr;
  moment.texts.insert(text);
  return &found.positions;
}

std::vector<double> at_keys(const Draft& reading, const std::vector<int>& keys, double value, const Moment& moment) {
  std::vector<double> numbers(moment.tables.texts.keys(reading.sources[0].id), 1);
  for (const int key : keys) numbers[key] = value;
  return numbers;
}

std::string phrase_not_found(const Tokens& tokens, const std::string& texts) {
  if (tokens.part != Tokens::Part::phrase)
    return fmt::format("no text that is read here has tokens of the part {}", name_of(tokens.part));
  const auto nth = tokens.occurrence > 0 ? fmt::format(" (occurrence {})", tokens.occurrence) : "";
  return fmt::format("the phrase {}{} is in no prompt that is read here; expected whole words of: {}",
                     quote(tokens.phrase), nth, texts);
}

}  // namespace corepulse::control
