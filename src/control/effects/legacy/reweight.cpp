#include "control/effects/legacy/legacy.h"
#include "control/readings/token_edit.h"

namespace corepulse::control {
namespace {

// At the positions that the phrase has in the prompt, whatever is read.
class LogitReweight : public AttentionEffect {
 public:
  explicit LogitReweight(const Reweight& reweight)
      : AttentionEffect({&reweight.strength, &reweight.scale}), words_(reweight.tokens) {}

  Rows default_rows() const override { return Rows::both; }
  const Tokens* tokens() const override { return &words_; }
  bool apply(Mix& mix, const Moment& m) const override {
    const Draft prompt{.sources = {{Source::Kind::text, m.prompts[m.row.image]}}};
    const auto* keys = keys_of(words_, prompt, m);
    if (!keys) return false;
    mix.edit(m.part, [&](Draft& draft) {
      if (!draft.mapped()) draft.scale_keys(at_keys(draft, *keys, m.numbers[1], m));
      return !draft.mapped();
    });
    return true;
  }
  std::string never(const std::string& texts) const override { return phrase_not_found(words_, texts); }
  std::string neutral() const override { return "the scale is 1, or the same for every token"; }

 private:
  const Tokens& words_;
};

}  // namespace

EffectPointer logit_reweight(const Reweight& reweight) {
  return std::make_unique<LogitReweight>(reweight);
}

}  // namespace corepulse::control
