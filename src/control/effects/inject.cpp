// inject: a share of the picture reads another prompt.
#include "control/effects/effect.h"

namespace corepulse::control {
namespace {

class InjectEffect : public AttentionEffect {
 public:
  InjectEffect(const Inject& control, int text) : control_(control), text_(text) {}

  std::vector<double> numbers(double p) const override {
    return {control_.strength.at(p), control_.gain_k.at(p), control_.gain_v.at(p)};
  }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.append({reading(m)}, m.part);
    return true;
  }
  std::string neutral() const override { return "its prompt is what is read there already"; }

 protected:
  Draft reading(const Moment& m) const {
    Draft draft{.sources = {{Source::Kind::text, text_}}, .share = m.part};
    gain(draft, m);
    return draft;
  }
  static void gain(Draft& draft, const Moment& m) {
    const auto keys = static_cast<size_t>(m.tables.texts.keys(draft.sources[0].id));
    draft.scale_keys(std::vector<double>(keys, m.numbers[1]));
    draft.scale_values(std::vector<double>(keys, m.numbers[2]));
  }

 private:
  const Inject& control_;
  int text_;
};

// The ComfyUI node multiplies the negative prompt's context by its weight as well. It pads the shorter of two contexts
// with zeros; here both have the encoder's full length.
class ComfyInject : public InjectEffect {
 public:
  using InjectEffect::InjectEffect;
  Rows default_rows() const override { return Rows::both; }
  bool apply(Mix& mix, const Moment& m) const override {
    if (m.conditional) return InjectEffect::apply(mix, m);
    mix.edit(m.part, [&](Draft& draft) { return gain(draft, m), true; });
    return true;
  }
};

}  // namespace

EffectPointer make_effect(const Inject& control, Mode mode, Tables& tables, const std::string&) {
  auto& texts = tables.texts;
  const int text = texts.add_noise(texts.add(control.prompt), control.noise, control.noise_seed);
  if (mode == Mode::comfy) return std::make_unique<ComfyInject>(control, text);
  return std::make_unique<InjectEffect>(control, text);
}

}  // namespace corepulse::control
