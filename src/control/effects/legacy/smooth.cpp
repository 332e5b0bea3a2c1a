#include "control/effects/legacy/legacy.h"
#include "control/readings/pixel_edit.h"

namespace corepulse::control {
namespace {

// L := (1 - s) L + s / N: a temperature, since a constant changes no softmax.
class LogitSmooth : public AttentionEffect {
 public:
  explicit LogitSmooth(const Smooth& smooth) : AttentionEffect({&kWhole, &smooth.strength}) {}
  AttentionKind attention() const override { return AttentionKind::self; }
  Rows default_rows() const override { return Rows::both; }
  bool apply(Mix& mix, const Moment& m) const override {
    const std::vector<double> gains(m.grid.tokens(), 1 - m.numbers[1]);
    mix.edit(m.part, [&](Draft& draft) { return draft.scale_keys(per_key(gains, draft)), true; });
    return true;
  }
  std::string neutral() const override { return "the strength is 0"; }
};

}  // namespace

EffectPointer logit_smooth(const Smooth& smooth) {
  return std::make_unique<LogitSmooth>(smooth);
}

}  // namespace corepulse::control
