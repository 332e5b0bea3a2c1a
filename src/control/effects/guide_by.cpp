// guide_by: away from what a perturbed copy of the prompt's row predicts.
#include <cmath>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/readings/blur.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<GuideBy::Perturb>() {
  static constexpr const char* kWords[] = {"identity", "blur"};
  return kWords;
}

namespace {

class GuideByEffect : public AttentionEffect {
 public:
  explicit GuideByEffect(const GuideBy& e) : AttentionEffect({&e.scale}), guide_(e) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  bool perturbs() const override { return true; }
  bool apply(Mix& mix, const Moment& m) const override {
    mix.edit(m.part, [&](Draft& draft) {
      if (guide_.perturb == GuideBy::Perturb::identity)
        draft = {.sources = {{Source::Kind::own, 0}}, .share = draft.share, .identity = true};
      else
        draft.blur = guide_.blur_sigma ? gaussian_blur(m.grid, *guide_.blur_sigma) : mean_blur(m.grid);
      return true;
    });
    return true;
  }
  std::string neutral() const override { return "its scale is 0"; }

 private:
  const GuideBy& guide_;
};

struct GuideByKind {
  using Struct = GuideBy;
  static constexpr const char* name = "guide_by";
  static constexpr ShortForm short_forms[] = {{"guide-by", parse_guide_by}};
  static constexpr Item number_items[] = {
      {"blur_sigma", [](Scanner& s, corepulse::Control& c) { std::get<GuideBy>(c.effect).blur_sigma = s.number(); },
       "blur_sigma"}};

  template <class V>
  static void fields(V& v) {
    v.required("perturb", &GuideBy::perturb);
    v("scale", &GuideBy::scale);
    v("blur_sigma", &GuideBy::blur_sigma);
  }
  static void check(const GuideBy& e, const corepulse::Control& control, const std::string& path) {
    check_curve(e.scale, Range::any, path + ".scale");
    if (control.rows) refuse(path + ".rows", "it acts in a row of its own, a copy of the prompt's; leave it out");
    if (!e.blur_sigma) return;
    if (e.perturb != GuideBy::Perturb::blur) refuse(path + ".blur_sigma", "it belongs to the blur; leave it out");
    if (!(*e.blur_sigma > 0) || !std::isfinite(*e.blur_sigma))
      refuse(path + ".blur_sigma", "expected more than 0; left out, it is infinite");
  }
  static std::string subject(const GuideBy& e) { return name_of(e.perturb); }
  static EffectPointer attention(const GuideBy& e, Mode, Tables&, const std::string&) {
    return std::make_unique<GuideByEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<GuideBy>() {
  return described<GuideByKind>();
}

}  // namespace control

Control guide_by(GuideBy::Perturb perturb, Curve scale) {
  return {.effect = GuideBy{perturb, std::move(scale), {}}};
}

Control parse_guide_by(std::string_view text) {
  constexpr const char* kForm = "PERTURBATION=SCALE, e.g. identity=3";
  const auto [subject, items] = control::split("guide-by", text, kForm);
  const auto word = control::phrase_before("guide-by", text, subject, "=", kForm);
  const auto names = control::strings(control::names_of<GuideBy::Perturb>());
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) control::Scanner("guide-by", text).refuse("one of " + choices(word, names));
  return control::with_items(
      guide_by(static_cast<GuideBy::Perturb>(found - names.begin()), control::curve_behind("guide-by", subject, "=")),
      "guide-by", text, items);
}

}  // namespace corepulse
