// value_gain: what some tokens say is multiplied, at unchanged attention.
#include "control/effects/token_edit.h"

namespace corepulse::control {
namespace {

class ValueGainEffect : public AttentionEffect {
 public:
  explicit ValueGainEffect(const ValueGain& control) : control_(control) {}

  std::vector<double> numbers(double p) const override { return {control_.strength.at(p), control_.gain.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    bool found = false;
    mix.edit(m.part, [&](Draft& draft) {
      const auto* keys = keys_of(control_.tokens, draft, m);
      if (!keys) return false;
      draft.scale_values(at_keys(draft, *keys, m.numbers[1], m));
      return found = true;
    });
    return found;
  }
  std::string never(const std::string& texts) const override { return phrase_not_found(control_.tokens, texts); }
  std::string neutral() const override { return "the gain is 1"; }

 private:
  const ValueGain& control_;
};

}  // namespace

EffectPointer make_effect(const ValueGain& control, Mode, Tables&, const std::string&) {
  return std::make_unique<ValueGainEffect>(control);
}

}  // namespace corepulse::control
