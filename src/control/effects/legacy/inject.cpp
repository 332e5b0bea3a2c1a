#include "control/effects/legacy/legacy.h"
#include "control/readings/token_edit.h"

namespace corepulse::control {
namespace {

// The ComfyUI node multiplies the negative prompt's context by its weight as well. It pads the shorter of two contexts
// with zeros; here both have the encoder's full length.
class ComfyInject : public AttentionEffect {
 public:
  ComfyInject(const Inject& inject, EffectPointer standard)
      : AttentionEffect({&inject.strength, &inject.gain_k, &inject.gain_v}), standard_(std::move(standard)) {}

  Rows default_rows() const override { return Rows::both; }
  bool apply(Mix& mix, const Moment& m) const override {
    if (m.row.conditional()) return standard_->apply(mix, m);
    mix.edit(m.part, [&](Draft& draft) { return scale_text(draft, m.numbers[1], m.numbers[2], m), true; });
    return true;
  }
  std::string neutral() const override { return standard_->neutral(); }

 private:
  EffectPointer standard_;
};

}  // namespace

EffectPointer comfy_inject(const Inject& inject, EffectPointer standard) {
  return std::make_unique<ComfyInject>(inject, std::move(standard));
}

}  // namespace corepulse::control
