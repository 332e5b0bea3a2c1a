// normalized_guidance: what is read is pushed away from what a negative prompt would give, within the layer.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class NormalizedGuidanceEffect : public AttentionEffect {
 public:
  NormalizedGuidanceEffect(const NormalizedGuidance& e, int against)
      : AttentionEffect({&e.strength, &e.scale, &e.limit}), against_(against) {}

  bool apply(Mix& mix, const Moment& m) const override {
    mix.finish({.against = {{.sources = {{Source::Kind::text, against_}}}},
                .scale = m.numbers[1],
                .limit = m.numbers[2],
                .share = m.part});
    return true;
  }
  std::string neutral() const override { return "its scale is 0"; }

 private:
  int against_;
};

NormalizedGuidance& guidance_of(corepulse::Control& c) {
  return std::get<NormalizedGuidance>(c.effect);
}

struct NormalizedGuidanceKind {
  using Struct = NormalizedGuidance;
  static constexpr const char* name = "normalized_guidance";
  static constexpr ShortForm short_forms[] = {{"normalized-guidance", parse_normalized_guidance}};
  static constexpr Item number_items[] = {
      kStrength,
      {"scale", [](Scanner& s, corepulse::Control& c) { guidance_of(c).scale = s.curve(); }, "scale"},
      {"limit", [](Scanner& s, corepulse::Control& c) { guidance_of(c).limit = s.curve(); }, "limit"}};

  template <class V>
  static void fields(V& v) {
    v("prompt", &NormalizedGuidance::prompt);
    v("scale", &NormalizedGuidance::scale);
    v("limit", &NormalizedGuidance::limit);
    v("strength", &NormalizedGuidance::strength);
  }
  static void check(const NormalizedGuidance& e, const corepulse::Control& control, const std::string& path) {
    check_curve(e.scale, Range::any, path + ".scale");
    check_curve(e.limit, Range::positive, path + ".limit");
    if (!control.heads.empty()) refuse(path + ".heads", "lengths are measured over all heads; leave it out");
  }
  static std::string subject(const NormalizedGuidance& e) {
    return e.prompt ? quote(*e.prompt) : "against the negative prompt";
  }
  static EffectPointer attention(const NormalizedGuidance& e, Mode, Tables& tables, const std::string&) {
    auto& texts = tables.texts;
    return std::make_unique<NormalizedGuidanceEffect>(e, e.prompt ? texts.add(*e.prompt, true) : texts.number(1));
  }
};

}  // namespace

template <>
const Kind& kind<NormalizedGuidance>() {
  return described<NormalizedGuidanceKind>();
}

}  // namespace control

Control normalized_guidance(std::optional<std::string> prompt, Curve scale) {
  return {.effect = NormalizedGuidance{.prompt = std::move(prompt), .scale = std::move(scale)}};
}

Control parse_normalized_guidance(std::string_view text) {
  return control::of_words("normalized-guidance", text, control::kPromptText,
                           [](std::string prompt) { return normalized_guidance(std::move(prompt)); });
}

}  // namespace corepulse
