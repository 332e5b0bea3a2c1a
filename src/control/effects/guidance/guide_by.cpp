// guide_by: away from what a perturbed copy of the prompt's row predicts, or the prediction for a blurred picture.
#include <bit>
#include <cmath>
#include <cstdint>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/readings/blur.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<GuideBy::Perturb>() {
  static constexpr const char* kWords[] = {"identity", "blur", "tokens", "map"};
  return kWords;
}

namespace {

const Curve kProgress = {{0, 0}, {1, 1}};

/** Uniform below n, from a state that moves on (splitmix64, Steele et al. 2014). */
uint64_t below(uint64_t n, uint64_t& state) {
  uint64_t z = state += 0x9e3779b97f4a7c15;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return (z ^ (z >> 31)) % n;  // n is so much smaller than 2^64 that the remainder favours nothing
}

/** The tokens of the part exchanged at random, the same way wherever the grid and the moment are the same. */
std::vector<double> shuffled(const Grid& grid, const Part& part, double progress) {
  std::vector<double> order(static_cast<size_t>(grid.tokens()));
  std::vector<size_t> moving;
  for (size_t i = 0; i < order.size(); ++i) {
    order[i] = static_cast<double>(i);
    if (part.values[part.pixels > 1 ? i : 0] > 0) moving.push_back(i);
  }
  uint64_t state = std::bit_cast<uint64_t>(progress) ^ (static_cast<uint64_t>(grid.width) << 32);
  for (size_t left = moving.size(); left > 1; --left)
    std::swap(order[moving[left - 1]], order[moving[below(left, state)]]);
  return order;
}

class GuideByEffect : public AttentionEffect {
 public:
  explicit GuideByEffect(const GuideBy& e) : AttentionEffect(curves(e)), guide_(e) {}

  AttentionKind attention() const override { return AttentionKind::self; }
  bool perturbs() const override { return true; }
  bool hard_regions() const override { return exchanges(guide_); }
  bool apply(Mix& mix, const Moment& m) const override {
    if (exchanges(guide_)) return mix.reorder(shuffled(m.grid, m.part, m.numbers[1])), true;
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
  static bool exchanges(const GuideBy& e) { return e.perturb == GuideBy::Perturb::tokens; }
  /** Another order in every step. */
  static std::vector<const Curve*> curves(const GuideBy& e) {
    if (exchanges(e)) return {&e.scale, &kProgress};
    return {&e.scale};
  }

  const GuideBy& guide_;
};

struct GuideByKind {
  using Struct = GuideBy;
  static constexpr const char* name = "guide_by";
  static constexpr ShortForm short_forms[] = {{"guide-by", parse_guide_by}};
  static constexpr Item number_items[] = {
      {"blur_sigma", [](Scanner& s, corepulse::Control& c) { std::get<GuideBy>(c.effect).blur_sigma = s.number(); },
       "blur_sigma"},
      {"threshold", [](Scanner& s, corepulse::Control& c) { std::get<GuideBy>(c.effect).threshold = s.number(); },
       "threshold"}};

  template <class V>
  static void fields(V& v) {
    v.required("perturb", &GuideBy::perturb);
    v("scale", &GuideBy::scale);
    v("blur_sigma", &GuideBy::blur_sigma);
    v("threshold", &GuideBy::threshold);
  }
  static void check(const GuideBy& e, const corepulse::Control& control, const std::string& path) {
    check_curve(e.scale, Range::any, path + ".scale");
    if (control.rows) refuse(path + ".rows", "it acts in a row of its own, a copy of the prompt's; leave it out");
    check_numbers(e, path);
    const auto lacks = [&](bool unset, const char* field, const char* why) {
      if (!unset) refuse(path + field, why);
    };
    if (e.perturb == GuideBy::Perturb::tokens)
      lacks(control.heads.empty(), ".heads", "tokens change places in all heads; leave it out");
    if (e.perturb != GuideBy::Perturb::map) return;
    lacks(control.heads.empty(), ".heads", "the map is the mean of all heads; leave it out");
    lacks(!control.region, ".region", "the map says where the picture is blurred; leave it out");
  }
  static void check_numbers(const GuideBy& e, const std::string& path) {
    const bool map = e.perturb == GuideBy::Perturb::map;
    if (!map && e.threshold != GuideBy{}.threshold) refuse(path + ".threshold", "it belongs to the map; leave it out");
    if (!(e.threshold >= 0) || !std::isfinite(e.threshold)) refuse(path + ".threshold", "expected 0 or more");
    if (!e.blur_sigma) return;
    if (!map && e.perturb != GuideBy::Perturb::blur)
      refuse(path + ".blur_sigma", "it belongs to the blur and the map; leave it out");
    if (!(*e.blur_sigma > 0) || !std::isfinite(*e.blur_sigma))
      refuse(path + ".blur_sigma",
             map ? "expected more than 0; left out, it is 1" : "expected more than 0; left out, it is infinite");
  }
  static std::optional<BlurUse> blurs(const GuideBy& e) {
    if (e.perturb != GuideBy::Perturb::map) return std::nullopt;
    return BlurUse{.scale = &e.scale, .sigma = e.blur_sigma.value_or(1), .threshold = e.threshold};
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
  return {.effect = GuideBy{.perturb = perturb, .scale = std::move(scale)}};
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
