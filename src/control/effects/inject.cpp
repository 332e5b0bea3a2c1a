// inject: a share of the picture reads another prompt.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/effects/legacy/legacy.h"
#include "control/readings/token_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class InjectEffect : public AttentionEffect {
 public:
  InjectEffect(const Inject& inject, int text)
      : AttentionEffect({&inject.strength, &inject.gain_k, &inject.gain_v}), text_(text) {}

  bool apply(Mix& mix, const Moment& m) const override {
    Draft draft{.sources = {{Source::Kind::text, text_}}, .share = m.part};
    scale_text(draft, m.numbers[1], m.numbers[2], m);
    mix.append({draft}, m.part);
    return true;
  }
  std::string neutral() const override { return "its prompt is what is read there already"; }

 private:
  int text_;
};

Inject& inject_of(corepulse::Control& c) {
  return std::get<Inject>(c.effect);
}

void take_gain(Scanner& s, corepulse::Control& c) {
  const auto gain = s.curve();
  c = c.gains(gain, gain);
}

struct InjectKind {
  using Struct = Inject;
  static constexpr const char* name = "inject";
  static constexpr CommonFields common{.mode = true};
  static constexpr bool comfy = true;
  static constexpr ShortForm short_forms[] = {{"inject", parse_inject}};
  static constexpr Item number_items[] = {
      kStrength,
      {"gain", take_gain, "gain"},
      {"gain_k", [](Scanner& s, corepulse::Control& c) { inject_of(c).gain_k = s.curve(); }, "gain_k"},
      {"gain_v", [](Scanner& s, corepulse::Control& c) { inject_of(c).gain_v = s.curve(); }, "gain_v"}};

  template <class V>
  static void fields(V& v) {
    v.required("prompt", &Inject::prompt);
    v("strength", &Inject::strength);
    v("gain_k", &Inject::gain_k);
    v("gain_v", &Inject::gain_v);
    v("noise", &Inject::noise);
    v("noise_seed", &Inject::noise_seed);
  }
  static void check(const Inject& e, const corepulse::Control& c, const std::string& path) {
    check_curve(e.gain_k, Range::any, path + ".gain_k");
    check_curve(e.gain_v, Range::any, path + ".gain_v");
    if (!std::isfinite(e.noise)) refuse(path + ".noise", "not finite; expected a number");
    if (e.noise != 0 && c.mode != Mode::comfy)
      refuse(path + ".noise", "noise belongs to mode comfy; add \"mode\": \"comfy\" or leave it out");
  }
  static EffectPointer attention(const Inject& e, Mode mode, Tables& tables, const std::string&) {
    auto& texts = tables.texts;
    auto effect = std::make_unique<InjectEffect>(e, texts.add_noise(texts.add(e.prompt), e.noise, e.noise_seed));
    if (mode == Mode::comfy) return comfy_inject(e, std::move(effect));
    return effect;
  }
};

}  // namespace

template <>
const Kind& kind<Inject>() {
  return described<InjectKind>();
}

}  // namespace control

Control inject(std::string prompt) {
  return {.effect = Inject{.prompt = std::move(prompt)}};
}

Control parse_inject(std::string_view text) {
  return control::of_words("inject", text, control::kPromptText, inject);
}

}  // namespace corepulse
