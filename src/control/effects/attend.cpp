// attend: pixels of the control's region look more, less or not at all at a target region.
#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "control/effects/describe.h"
#include "control/effects/legacy/legacy.h"
#include "control/readings/pixel_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<Attend::Interaction>() {
  static constexpr const char* kWords[] = {"enhance", "redirect", "sharpen"};
  return kWords;
}

namespace {

class AttendEffect : public TargetEdit {
 public:
  AttendEffect(const Attend& e, const std::string& path) : TargetEdit(e.target, {&e.strength, &e.scale}, path) {}

  bool apply(Mix& mix, const Moment& m) const override {
    auto weights = target(m);
    for (auto& w : weights) w = 1 + w * (m.numbers[1] - 1);
    mix.edit(m.part, [&](Draft& draft) {
      auto weighed = draft;
      weighed.weigh(per_key(weights, draft));
      if (weighed.bars_every_key(m.part)) {
        if (may_cover_all(m)) return false;
        fail(ErrorCode::invalid_request, path_,
             "every pixel is barred; expected a target that leaves something to look at, or a scale above 0");
      }
      draft = std::move(weighed);
      return true;
    });
    return true;
  }
  std::string neutral() const override { return "the scale is 1, or the same everywhere"; }

 private:
  /** What follows the picture is nobody's mistake, here or in an attend before. */
  bool may_cover_all(const Moment& m) const { return is_live(*target_region()) || m.tables.masks.looks(); }
};

// The published maths knows two regions or none, and each interaction one of these.
void check_legacy_attend(const Attend& e, bool region, const std::string& path) {
  if (region != e.target.has_value()) refuse(path, "mode corepulse takes region and target together, or neither");
  const bool redirect = e.interaction == Attend::Interaction::redirect;
  const bool sharpen = e.interaction == Attend::Interaction::sharpen;
  if ((redirect && !region) || (sharpen && region))
    refuse(path + ".interaction", redirect ? "redirect needs region and target" : "sharpen takes no regions");
}

struct AttendKind {
  using Struct = Attend;
  static constexpr const char* name = "attend";
  static constexpr CommonFields common{.mode = true};
  static constexpr ShortForm short_forms[] = {{"attend", parse_attend}};

  template <class V>
  static void fields(V& v) {
    v("target", &Attend::target);
    v.required("scale", &Attend::scale);
    v("interaction", &Attend::interaction);
    v("strength", &Attend::strength);
  }
  static void check(const Attend& e, const corepulse::Control& c, const std::string& path) {
    const bool legacy = c.mode == Mode::corepulse;
    if (legacy) check_legacy_attend(e, c.region.has_value(), path);
    check_curve(e.scale, legacy ? Range::any : Range::weight, path + ".scale");
    if (!legacy && !e.target) refuse(path, "the field \"target\" is missing: the region to look at");
    if (!legacy && e.interaction != Attend::Interaction::enhance)
      refuse(path + ".interaction", "interactions belong to mode corepulse; leave it out");
  }
  static EffectPointer attention(const Attend& e, Mode mode, Tables&, const std::string& path) {
    if (mode != Mode::standard) return logit_attend(e, path);
    return std::make_unique<AttendEffect>(e, path);
  }
};

}  // namespace

template <>
const Kind& kind<Attend>() {
  return described<AttendKind>();
}

}  // namespace control

Control attend(Region target, Curve scale) {
  return {.effect = Attend{std::move(target), std::move(scale)}};
}

Control parse_attend(std::string_view text) {
  constexpr const char* kForm = "REGION=SCALE, e.g. right half=0";
  const auto [subject, items] = control::split("attend", text, kForm);
  const auto sign = subject.rfind('=');
  if (sign == subject.npos) control::Scanner("attend", text, subject.size()).refuse(kForm);
  control::Scanner scanner("attend", subject.substr(0, sign));
  auto target = scanner.region();
  if (!scanner.done()) scanner.refuse("feather, blur, px, or + - * and another region, or = and a number");
  auto scale = control::curve_behind("attend", subject, "=");
  return control::with_items(attend(std::move(target), std::move(scale)), "attend", text, items);
}

}  // namespace corepulse
