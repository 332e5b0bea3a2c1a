// temperature: attention becomes softer or sharper.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class TemperatureEffect : public AttentionEffect {
 public:
  explicit TemperatureEffect(const Temperature& e)
      : AttentionEffect({&e.strength, &e.value}), attention_(e.attention) {}
  AttentionKind attention() const override { return attention_; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [&](Draft& draft) { return draft.soften(m.numbers[1]), true; });
    return true;
  }
  std::string neutral() const override { return "the temperature is 1"; }

 private:
  AttentionKind attention_;
};

void take_attention(Scanner& s, corepulse::Control& c) {
  std::get<Temperature>(c.effect).attention = word_of<AttentionKind>(s);
}

struct TemperatureKind {
  using Struct = Temperature;
  static constexpr const char* name = "temperature";
  static constexpr ShortForm short_forms[] = {{"temperature", parse_temperature}};
  static constexpr Item word_items[] = {{"attention", take_attention, "attention"}};

  template <class V>
  static void fields(V& v) {
    v.required("value", &Temperature::value);
    v("attention", &Temperature::attention);
    v("strength", &Temperature::strength);
  }
  static void check(const Temperature& e, const corepulse::Control&, const std::string& path) {
    check_curve(e.value, Range::positive, path + ".value");
  }
  static EffectPointer attention(const Temperature& e, Mode, Tables&, const std::string&) {
    return std::make_unique<TemperatureEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<Temperature>() {
  return described<TemperatureKind>();
}

}  // namespace control

Control temperature(Curve value, AttentionKind attention) {
  return {.effect = Temperature{std::move(value), attention}};
}

Control parse_temperature(std::string_view text) {
  return control::of_curve("temperature", text, [](Curve value) { return temperature(std::move(value)); });
}

}  // namespace corepulse
