#include "control/texts/text_table.h"

#include "base/fail.h"

namespace corepulse::control {

TextTable::TextTable(const Tokenizer& tokenizer, const std::string& prompt, const std::string& negative)
    : tokenizer_(tokenizer) {
  publish(add(prompt));
  publish(add(negative, true));
}

std::vector<TokenizedText> TextTable::tokenize(const std::string& prompt) {
  if (const auto found = tokenized_.find(prompt); found != tokenized_.end()) return found->second;
  auto encoders = tokenizer_(prompt);
  for (const auto& e : encoders)
    if (encoders.empty() || e.tokens != encoders.front().tokens || e.kept != encoders.front().kept ||
        e.first != encoders.front().first || e.ids.size() != encoders.front().ids.size())
      fail(ErrorCode::unsupported_model, "control",
           "the model's text encoders split words differently; expected the same vocabulary");
  return tokenized_.emplace(prompt, std::move(encoders)).first->second;
}

int TextTable::add_text(Text text) {
  texts_.push_back(std::move(text));
  return static_cast<int>(texts_.size()) - 1;
}

int TextTable::add(const std::string& prompt, bool negative) {
  auto encoders = tokenize(prompt);
  std::vector<std::vector<int>> ids;
  for (const auto& e : encoders) ids.push_back(e.ids);
  const auto [place, fresh] = plain_.emplace(std::pair{negative, ids}, static_cast<int>(texts_.size()));
  if (fresh) add_text({{.prompt = prompt, .negative = negative}, std::move(encoders)});
  return place->second;
}

void TextTable::adopt(const std::vector<ContextSpec>& specs) {
  for (size_t id = specs_.size(); id < specs.size(); ++id) {
    const auto& spec = specs[id];
    int text = add_noise(add(spec.prompt, spec.negative), spec.noise, spec.noise_seed);
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

TextId TextTable::publish(int text) {
  if (texts_[text].id >= 0) return texts_[text].id;
  auto spec = texts_[text].spec;
  for (auto& pick : spec.picks) pick.text = publish(pick.text);
  specs_.push_back(std::move(spec));
  numbers_.push_back(text);
  return texts_[text].id = static_cast<TextId>(specs_.size()) - 1;
}

}  // namespace corepulse::control
