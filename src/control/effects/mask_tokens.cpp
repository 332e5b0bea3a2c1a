// mask_tokens: some words are not read.
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "base/fail.h"
#include "control/effects/describe.h"
#include "control/readings/token_edit.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {
namespace {

class MaskTokensEffect : public TokenEdit {
 public:
  MaskTokensEffect(const MaskTokens& e, std::string path)
      : TokenEdit(e.tokens, {&e.strength}), mask_(e), path_(std::move(path)) {}

  bool fits(const Draft& draft) const override { return mask_.context == TokenContext::keep || !draft.mapped(); }
  void change(Draft& draft, const std::vector<int>& keys, const Moment& m) const override {
    if (mask_.context == TokenContext::reencode) return exchange_words(draft, mask_.tokens, "", false, m);
    draft.weigh(at_keys(draft, keys, 0, m));
    if (draft.bars_every_key(m.part))
      fail(ErrorCode::invalid_request, path_,
           fmt::format("no token of {} is left to read; expected at least one",
                       quote(m.tables.texts.prompt(draft.says().id))));
  }
  std::string neutral() const override { return "its tokens are not read anyway"; }

 private:
  const MaskTokens& mask_;
  std::string path_;
};

struct MaskTokensKind {
  using Struct = MaskTokens;
  static constexpr const char* name = "mask_tokens";
  static constexpr ShortForm short_forms[] = {{"mask", parse_mask}};
  static constexpr Item word_items[] = {kContext, kOccurrence};

  template <class V>
  static void fields(V& v) {
    v.inline_fields(&MaskTokens::tokens);
    v("context", &MaskTokens::context);
    v("strength", &MaskTokens::strength);
  }
  static void check(const MaskTokens& e, const corepulse::Control&, const std::string& path) {
    check_tokens(e.tokens, path);
    if (e.context == TokenContext::replace) refuse(path + ".context", "\"replace\"; expected \"keep\" or \"reencode\"");
    if (e.context == TokenContext::reencode && e.tokens.part != Tokens::Part::phrase)
      refuse(path + ".context", "\"reencode\" needs a phrase to leave out");
  }
  static EffectPointer attention(const MaskTokens& e, Mode, Tables&, const std::string& path) {
    return std::make_unique<MaskTokensEffect>(e, path);
  }
};

}  // namespace

template <>
const Kind& kind<MaskTokens>() {
  return described<MaskTokensKind>();
}

}  // namespace control

Control mask_tokens(Tokens tokens) {
  return {.effect = MaskTokens{std::move(tokens)}};
}

Control parse_mask(std::string_view text) {
  return control::of_words("mask", text, control::kPhrase, mask_tokens);
}

}  // namespace corepulse
