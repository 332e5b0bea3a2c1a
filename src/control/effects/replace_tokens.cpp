// replace_tokens: some words are read as others.
#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/readings/token_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class ReplaceTokensEffect : public TokenEdit {
 public:
  explicit ReplaceTokensEffect(const ReplaceTokens& e) : TokenEdit(e.tokens, {&e.strength}), replace_(e) {}
  bool fits(const Draft& draft) const override { return !draft.mapped(); }
  void change(Draft& draft, const std::vector<int>&, const Moment& m) const override {
    exchange_words(draft, replace_.tokens, replace_.with, replace_.context == TokenContext::keep, m);
  }
  std::string neutral() const override { return "the new words are the old ones"; }

 private:
  const ReplaceTokens& replace_;
};

struct ReplaceTokensKind {
  using Struct = ReplaceTokens;
  static constexpr const char* name = "replace_tokens";
  static constexpr ShortForm short_forms[] = {{"replace", parse_replace}};
  static constexpr Item word_items[] = {kContext, kOccurrence};

  template <class V>
  static void fields(V& v) {
    v.inline_fields(&ReplaceTokens::tokens);
    v.required("with", &ReplaceTokens::with);
    v("context", &ReplaceTokens::context);
    v("strength", &ReplaceTokens::strength);
  }
  static void check(const ReplaceTokens& e, const corepulse::Control&, const std::string& path) {
    check_tokens(e.tokens, path);
    if (e.tokens.part != Tokens::Part::phrase)
      refuse(path + ".tokens", "only a phrase can be replaced; expected \"phrase\"");
    if (e.context == TokenContext::reencode)
      refuse(path + ".context", "\"reencode\"; expected \"keep\" or \"replace\"");
  }
  static EffectPointer attention(const ReplaceTokens& e, Mode, Tables&, const std::string&) {
    return std::make_unique<ReplaceTokensEffect>(e);
  }
};

}  // namespace

template <>
const Kind& kind<ReplaceTokens>() {
  return described<ReplaceTokensKind>();
}

}  // namespace control

Control replace_tokens(Tokens tokens, std::string with) {
  return {.effect = ReplaceTokens{std::move(tokens), std::move(with)}};
}

Control parse_replace(std::string_view text) {
  constexpr const char* kForm = "PHRASE=>WORDS";
  const auto [subject, items] = control::split("replace", text, kForm);
  const auto phrase = control::phrase_before("replace", text, subject, "=>", kForm);
  const auto with = control::trimmed(subject.substr(subject.rfind("=>") + 2));
  return control::with_items(replace_tokens(phrase, with), "replace", text, items);
}

}  // namespace corepulse
