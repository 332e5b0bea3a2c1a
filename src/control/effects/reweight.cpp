// reweight: attention to some tokens is multiplied, the rest adjusted: a bias of log scale.
#include "control/effects/token_edit.h"

namespace corepulse::control {
namespace {

class ReweightEffect : public AttentionEffect {
 public:
  explicit ReweightEffect(const Reweight& control) : control_(control) {}

  std::vector<double> numbers(double p) const override { return {control_.strength.at(p), control_.scale.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    bool found = false;
    mix.edit(m.part, [&](Draft& draft) {
      const auto* keys = keys_of(control_.tokens, draft, m);
      if (!keys) return false;
      draft.weigh(at_keys(draft, *keys, m.numbers[1], m));
      return found = true;
    });
    return found;
  }
  std::string never(const std::string& texts) const override { return phrase_not_found(control_.tokens, texts); }
  std::string neutral() const override { return "the scale is 1, or the same for every token"; }

 protected:
  const Reweight& control_;
};

// The published maths multiplies logits, in both rows, at the positions the phrase has in the prompt.
class LogitScale : public ReweightEffect {
 public:
  using ReweightEffect::ReweightEffect;
  Rows default_rows() const override { return Rows::both; }
  bool apply(Mix& mix, const Moment& m) const override {
    const Draft prompt{.sources = {{Source::Kind::text, 0}}};
    const auto* keys = keys_of(control_.tokens, prompt, m);
    if (!keys) return false;
    mix.edit(m.part, [&](Draft& draft) {
      draft.scale_keys(at_keys(draft, *keys, m.numbers[1], m));
      return true;
    });
    return true;
  }
};

}  // namespace

EffectPointer make_effect(const Reweight& control, Mode mode, Tables&, const std::string&) {
  if (mode == Mode::corepulse) return std::make_unique<LogitScale>(control);
  return std::make_unique<ReweightEffect>(control);
}

}  // namespace corepulse::control
