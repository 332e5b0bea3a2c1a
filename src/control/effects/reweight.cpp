// reweight: attention to some tokens is multiplied, the rest adjusted: a bias of log scale.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/effects/legacy/legacy.h"
#include "control/readings/token_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class ReweightEffect : public TokenEdit {
 public:
  explicit ReweightEffect(const Reweight& e) : TokenEdit(e.tokens, {&e.strength, &e.scale}) {}
  void change(Draft& draft, const std::vector<int>& keys, const Moment& m) const override {
    draft.weigh(at_keys(draft, keys, m.numbers[1], m));
  }
  std::string neutral() const override { return "the scale is 1, or the same for every token"; }
};

struct ReweightKind {
  using Struct = Reweight;
  static constexpr const char* name = "reweight";
  static constexpr CommonFields common{.mode = true};
  static constexpr ShortForm short_forms[] = {{"reweight", parse_reweight}};
  static constexpr Item word_items[] = {kOccurrence};

  template <class V>
  static void fields(V& v) {
    v.inline_fields(&Reweight::tokens);
    v.required("scale", &Reweight::scale);
    v("strength", &Reweight::strength);
  }
  static void check(const Reweight& e, const corepulse::Control& c, const std::string& path) {
    check_tokens(e.tokens, path);
    check_curve(e.scale, c.mode == Mode::corepulse ? Range::any : Range::weight, path + ".scale");
  }
  static EffectPointer attention(const Reweight& e, Mode mode, Tables&, const std::string&) {
    if (mode == Mode::corepulse) return logit_reweight(e);
    return std::make_unique<ReweightEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<Reweight>() {
  return described<ReweightKind>();
}

}  // namespace control

Control reweight(Tokens tokens, Curve scale) {
  return {.effect = Reweight{std::move(tokens), std::move(scale)}};
}

Control parse_reweight(std::string_view text) {
  return control::of_phrase_and_curve("reweight", text, "PHRASE=SCALE", reweight);
}

}  // namespace corepulse
