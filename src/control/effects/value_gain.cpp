// value_gain: what some tokens say is multiplied, at unchanged attention.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/readings/token_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class ValueGainEffect : public TokenEdit {
 public:
  explicit ValueGainEffect(const ValueGain& e) : TokenEdit(e.tokens, {&e.strength, &e.gain}) {}
  void change(Draft& draft, const std::vector<int>& keys, const Moment& m) const override {
    draft.scale_values(at_keys(draft, keys, m.numbers[1], m));
  }
  std::string neutral() const override { return "the gain is 1"; }
};

struct ValueGainKind {
  using Struct = ValueGain;
  static constexpr const char* name = "value_gain";
  static constexpr ShortForm short_forms[] = {{"value-gain", parse_value_gain}};
  static constexpr Item word_items[] = {kOccurrence};

  template <class V>
  static void fields(V& v) {
    v.inline_fields(&ValueGain::tokens);
    v.required("gain", &ValueGain::gain);
    v("strength", &ValueGain::strength);
  }
  static void check(const ValueGain& e, const corepulse::Control&, const std::string& path) {
    check_tokens(e.tokens, path);
    check_curve(e.gain, Range::any, path + ".gain");
  }
  static EffectPointer attention(const ValueGain& e, Mode, Tables&, const std::string&) {
    return std::make_unique<ValueGainEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<ValueGain>() {
  return described<ValueGainKind>();
}

}  // namespace control

Control value_gain(Tokens tokens, Curve gain) {
  return {.effect = ValueGain{std::move(tokens), std::move(gain)}};
}

Control parse_value_gain(std::string_view text) {
  return control::of_phrase_and_curve("value-gain", text, "PHRASE=GAIN", value_gain);
}

}  // namespace corepulse
