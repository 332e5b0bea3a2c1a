#include "control/effects/legacy/legacy.h"
#include "control/readings/pixel_edit.h"

namespace corepulse::control {
namespace {

// Between pixels of two hard regions.
class LogitAttend : public TargetEdit {
 public:
  LogitAttend(const Attend& attend, const std::string& path)
      : TargetEdit(attend.target, {&attend.strength, &attend.scale}, path), interaction_(attend.interaction) {}
  Rows default_rows() const override { return Rows::both; }
  bool hard_regions() const override { return true; }
  bool apply(Mix& mix, const Moment& m) const override {
    // "redirect" halves the row, then doubles the target.
    const double rest = interaction_ == Attend::Interaction::redirect ? 0.5 : 1;
    auto gains = target(m);
    for (auto& g : gains) g = g > 0.5 ? m.numbers[1] : rest;
    mix.edit(m.part, [&](Draft& draft) { return draft.scale_keys(per_key(gains, draft)), true; });
    return true;
  }
  std::string neutral() const override { return "the scale is 1"; }

 private:
  Attend::Interaction interaction_;
};

// max(L, 1e-8)^s on the logits is no option of an attention kernel: a function of the engine does it.
class SharpenLogits : public LogitAttend {
 public:
  using LogitAttend::LogitAttend;
  bool apply(Mix& mix, const Moment& m) const override {
    const int index = m.tables.function({"corepulse.sharpen", m.numbers[1], true});
    mix.edit(m.part, [&](Draft& draft) { return draft.function = index, true; });
    return true;
  }
  std::string neutral() const override { return "it is replaced by another control"; }
};

}  // namespace

EffectPointer logit_attend(const Attend& attend, const std::string& path) {
  if (attend.interaction == Attend::Interaction::sharpen) return std::make_unique<SharpenLogits>(attend, path);
  return std::make_unique<LogitAttend>(attend, path);
}

}  // namespace corepulse::control
