// smooth: a share of the attention becomes uniform: a reading of infinite temperature.
#include <cmath>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/effects/legacy/legacy.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class SmoothEffect : public AttentionEffect {
 public:
  explicit SmoothEffect(const Smooth& e) : AttentionEffect({&e.strength}) {}
  AttentionKind attention() const override { return AttentionKind::self; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [](Draft& draft) { return draft.soften(INFINITY), true; });
    return true;
  }
  std::string neutral() const override { return "the strength is 0"; }
};

struct SmoothKind {
  using Struct = Smooth;
  static constexpr const char* name = "smooth";
  static constexpr CommonFields common{.mode = true};
  static constexpr ShortForm short_forms[] = {{"smooth", parse_smooth}};
  static constexpr std::span<const Item> number_items{};  // the strength stands before the " @ "

  template <class V>
  static void fields(V& v) {
    v("strength", &Smooth::strength);
  }
  static void check(const Smooth&, const corepulse::Control& c, const std::string& path) {
    if (c.mode == Mode::corepulse && c.region)
      refuse(path + ".region", "mode corepulse smooths whole pictures only; leave it out");
  }
  static EffectPointer attention(const Smooth& e, Mode mode, Tables&, const std::string&) {
    if (mode == Mode::corepulse) return logit_smooth(e);
    return std::make_unique<SmoothEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<Smooth>() {
  return described<SmoothKind>();
}

}  // namespace control

Control smooth(Curve strength) {
  return {.effect = Smooth{std::move(strength)}};
}

Control parse_smooth(std::string_view text) {
  return control::of_curve("smooth", text, smooth);
}

}  // namespace corepulse
