// attend: pixels of the control's region look more, less or not at all at a target region.
#include <fmt/format.h>

#include "base/fail.h"
#include "control/effects/pixel_edit.h"

namespace corepulse::control {
namespace {

class AttendEffect : public AttentionEffect {
 public:
  AttendEffect(const Attend& control, std::string path) : control_(control), path_(std::move(path)) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  std::vector<double> numbers(double p) const override { return {control_.strength.at(p), control_.scale.at(p)}; }
  std::vector<std::pair<const Region*, std::string>> regions() const override {
    if (!control_.target) return {};
    return {{&*control_.target, ".target"}};
  }
  bool apply(Mix& mix, const Moment& m) const override {
    auto weights = target(m);
    for (auto& w : weights) w = 1 + w * (m.numbers[1] - 1);
    mix.edit(m.part, [&](Draft& draft) {
      draft.weigh(per_key(weights, draft));
      if (draft.bars_every_key(m.part))
        fail(ErrorCode::invalid_request, path_,
             "every pixel is barred; expected a target that leaves something to look at, or a scale above 0");
      return true;
    });
    return true;
  }
  std::string neutral() const override { return "the scale is 1, or the same everywhere"; }

 protected:
  std::vector<double> target(const Moment& m) const {
    if (!control_.target) return std::vector<double>(m.grid.tokens(), 1);
    return per_pixel(m.tables.masks.at(*control_.target, m.grid, path_ + ".target"), m.grid);
  }
  const Attend& control_;
  std::string path_;
};

// The published maths multiplies logits between pixels of two hard regions, in both rows.
class LogitAttend : public AttendEffect {
 public:
  using AttendEffect::AttendEffect;
  Rows default_rows() const override { return Rows::both; }
  bool hard_regions() const override { return true; }
  bool apply(Mix& mix, const Moment& m) const override {
    // "redirect" halves the row, then doubles the target.
    const double rest = control_.interaction == Attend::Interaction::redirect ? 0.5 : 1;
    auto gains = target(m);
    for (auto& g : gains) g = g > 0.5 ? m.numbers[1] : rest;
    mix.edit(m.part, [&](Draft& draft) { return draft.scale_keys(per_key(gains, draft)), true; });
    return true;
  }
  std::string neutral() const override { return "the scale is 1"; }
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

EffectPointer make_effect(const Attend& control, Mode mode, Tables&, const std::string& path) {
  if (mode == Mode::standard) return std::make_unique<AttendEffect>(control, path);
  if (control.interaction == Attend::Interaction::sharpen) return std::make_unique<SharpenLogits>(control, path);
  return std::make_unique<LogitAttend>(control, path);
}

}  // namespace corepulse::control
