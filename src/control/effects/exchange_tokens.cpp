// mask_tokens: some words are not read; replace_tokens: they are read as others.
#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/token_edit.h"
#include "control/quote.h"

namespace corepulse::control {
namespace {

// The numbers of keys that stay follow them to their new places.
std::vector<double> moved(const std::vector<double>& numbers, const std::vector<int>& from, double normal) {
  if (numbers.empty()) return {};
  std::vector<double> out;
  for (const int key : from) out.push_back(key < 0 ? normal : numbers[key]);
  return out;
}

// Reads the text with a phrase exchanged.
void exchange(Draft& draft, const Tokens& tokens, const std::string& with, bool keep, const Moment& m) {
  auto& texts = m.tables.texts;
  const auto next = texts.exchange(draft.sources[0].id, tokens, with, keep);
  draft.sources[0].id = next.text;
  draft.bias = moved(draft.bias, next.from, 0);
  draft.key_gain = moved(draft.key_gain, next.from, 1);
  draft.value_gain = moved(draft.value_gain, next.from, 1);
}

class MaskTokensEffect : public AttentionEffect {
 public:
  MaskTokensEffect(const MaskTokens& control, std::string path) : control_(control), path_(std::move(path)) {}

  std::vector<double> numbers(double p) const override { return {control_.strength.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    bool found = false;
    mix.edit(m.part, [&](Draft& draft) {
      const auto* keys = keys_of(control_.tokens, draft, m);
      if (!keys) return false;
      if (control_.context == TokenContext::reencode) {
        exchange(draft, control_.tokens, "", false, m);
        return found = true;
      }
      draft.weigh(at_keys(draft, *keys, 0, m));
      if (draft.bars_every_key(m.part))
        fail(ErrorCode::invalid_request, path_,
             fmt::format("no token of {} is left to read; expected at least one",
                         quote(m.tables.texts.prompt(draft.sources[0].id))));
      return found = true;
    });
    return found;
  }
  std::string never(const std::string& texts) const override { return phrase_not_found(control_.tokens, texts); }
  std::string neutral() const override { return "its tokens are not read anyway"; }

 private:
  const MaskTokens& control_;
  std::string path_;
};

class ReplaceTokensEffect : public AttentionEffect {
 public:
  explicit ReplaceTokensEffect(const ReplaceTokens& control) : control_(control) {}

  std::vector<double> numbers(double p) const override { return {control_.strength.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    bool found = false;
    mix.edit(m.part, [&](Draft& draft) {
      if (!keys_of(control_.tokens, draft, m)) return false;
      exchange(draft, control_.tokens, control_.with, control_.context == TokenContext::keep, m);
      return found = true;
    });
    return found;
  }
  std::string never(const std::string& texts) const override { return phrase_not_found(control_.tokens, texts); }
  std::string neutral() const override { return "the new words are the old ones"; }

 private:
  const ReplaceTokens& control_;
};

}  // namespace

EffectPointer make_effect(const MaskTokens& control, Mode, Tables&, const std::string& path) {
  return std::make_unique<MaskTokensEffect>(control, path);
}

EffectPointer make_effect(const ReplaceTokens& control, Mode, Tables&, const std::string&) {
  return std::make_unique<ReplaceTokensEffect>(control);
}

}  // namespace corepulse::control
