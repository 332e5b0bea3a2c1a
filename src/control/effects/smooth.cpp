// smooth, and temperature: attention becomes softer or sharper.
#include <cmath>

#include "control/effects/pixel_edit.h"

namespace corepulse::control {
namespace {

class TemperatureEffect : public AttentionEffect {
 public:
  explicit TemperatureEffect(const Temperature& control) : control_(control) {}
  AttentionKind attention() const override { return control_.attention; }
  std::vector<double> numbers(double p) const override { return {control_.strength.at(p), control_.value.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [&](Draft& draft) { return draft.soften(m.numbers[1]), true; });
    return true;
  }
  std::string neutral() const override { return "the temperature is 1"; }

 private:
  const Temperature& control_;
};

// L := (1 - s) L + s / N: a temperature, since a constant changes no softmax.
class LogitSmooth : public AttentionEffect {
 public:
  explicit LogitSmooth(const Smooth& control) : control_(control) {}
  AttentionKind attention() const override { return AttentionKind::self; }
  Rows default_rows() const override { return Rows::both; }
  std::vector<double> numbers(double p) const override { return {1, control_.strength.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    const std::vector<double> gains(m.grid.tokens(), 1 - m.numbers[1]);
    mix.edit(m.part, [&](Draft& draft) { return draft.scale_keys(per_key(gains, draft)), true; });
    return true;
  }
  std::string neutral() const override { return "the strength is 0"; }

 private:
  const Smooth& control_;
};

// A share of the attention becomes uniform: a reading of infinite temperature.
class SmoothEffect : public AttentionEffect {
 public:
  explicit SmoothEffect(const Smooth& control) : control_(control) {}
  AttentionKind attention() const override { return AttentionKind::self; }
  std::vector<double> numbers(double p) const override { return {control_.strength.at(p)}; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [](Draft& draft) { return draft.soften(INFINITY), true; });
    return true;
  }
  std::string neutral() const override { return "the strength is 0"; }

 private:
  const Smooth& control_;
};

}  // namespace

EffectPointer make_effect(const Temperature& control, Mode, Tables&, const std::string&) {
  return std::make_unique<TemperatureEffect>(control);
}

EffectPointer make_effect(const Smooth& control, Mode mode, Tables&, const std::string&) {
  if (mode == Mode::corepulse) return std::make_unique<LogitSmooth>(control);
  return std::make_unique<SmoothEffect>(control);
}

}  // namespace corepulse::control
