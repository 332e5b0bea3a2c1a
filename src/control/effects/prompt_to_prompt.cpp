// prompt_to_prompt: images with an edited prompt look as another image does with its own.
#include <algorithm>
#include <fmt/format.h>

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"
#include "control/texts/alignment.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<PromptToPrompt::Method>() {
  static constexpr const char* kWords[] = {"refine", "replace"};
  return kWords;
}

constexpr const char* what(Type<WordEdit>) {
  return "words of prompt_to_prompt";
}
template <class V>
void fields(V& v, Type<WordEdit>) {
  v.inline_fields(&WordEdit::tokens);
  v.required("cross", &WordEdit::cross);
}

namespace {

// What its numbers are, in order; then those of its words.
enum Number { kUnused, kCross, kSelf, kWords };

std::vector<const Curve*> curves_of(const PromptToPrompt& e) {
  std::vector<const Curve*> curves{&kWhole, &e.cross, &e.self};
  for (const auto& word : e.words) curves.push_back(&word.cross);
  return curves;
}

/** The attention to each value times its weight. */
std::vector<double> weighed(std::vector<double> map, const std::vector<double>& weights) {
  for (size_t i = 0; i < map.size(); ++i) map[i] *= weights[i % weights.size()];
  return map;
}

std::vector<double> diagonal(const std::vector<double>& weights) {
  std::vector<double> map(weights.size() * weights.size());
  for (size_t i = 0; i < weights.size(); ++i) map[i * weights.size() + i] = weights[i];
  return map;
}

class PromptToPromptEffect : public AttentionEffect {
 public:
  PromptToPromptEffect(const PromptToPrompt& e, TextTable& texts, std::string path)
      : AttentionEffect(curves_of(e)), edit_(e), path_(std::move(path)), text_(texts.add_own(e.prompt)) {
    for (size_t i = 0; i < e.words.size(); ++i)
      if (texts.find(text_, e.words[i].tokens).positions.empty())
        refuse(fmt::format("{}.words[{}]", path_, i),
               fmt::format("{} is not in its prompt {}", subject(e.words[i].tokens), quote(e.prompt)));
  }

  AttentionKind attention() const override { return AttentionKind::both; }
  std::optional<int> image() const override { return edit_.image; }
  bool apply(Mix& mix, const Moment& m) const override {
    if (m.row.image == edit_.image) return false;
    if (m.cross)
      look_at_words(mix, m);
    else if (m.grid.tokens() <= edit_.self_tokens)
      look_at_picture(mix, m);
    return true;
  }
  std::string never(const std::string&) const override {
    return fmt::format("there is no other image than {} to edit; expected a second one from the same seed: --seed 3,3",
                       edit_.image);
  }
  std::string neutral() const override { return "its attention is never the other image's"; }

 private:
  Source other() const { return {Source::Kind::image, edit_.image}; }

  void look_at_picture(Mix& mix, const Moment& m) const {
    const Source own{Source::Kind::own, 0};
    mix.edit(scaled(m.part, m.numbers[kSelf]), [&](Draft& draft) {
      if (draft.sources != std::vector{own} || draft.mapped() || draft.query) return false;
      draft = {.value_gain = draft.value_gain, .share = draft.share, .query = other(), .values = {own}};
      draft.sources = {other()};
      return true;
    });
  }

  void look_at_words(Mix& mix, const Moment& m) const {
    const int base = m.row.conditional() ? m.prompts[edit_.image] : -1;
    const auto one = [](const std::vector<double>& all) {
      return std::all_of(all.begin(), all.end(), [&](double v) { return v == all[0]; });
    };
    const auto reads = [&](const Draft& draft) {
      return !draft.mapped() && !draft.query && draft.sources.size() == 1 && (base < 0 || draft.sources[0].id == text_);
    };
    const auto found = base < 0 ? TokenMap{} : map_of(base, m);
    const auto taken = base < 0 ? std::vector{m.numbers[kCross]} : strengths(found, m);
    if (one(taken)) {
      const bool unmoved = found.weights == diagonal(std::vector<double>(found.known.size(), 1));
      const auto map = unmoved ? std::vector<double>() : found.weights;
      mix.edit(scaled(m.part, taken[0]), [&](Draft& draft) {
        const bool fits = reads(draft);
        if (fits) draft = as_other(draft, base, map);
        return fits;
      });
      return;
    }
    auto kept = taken;
    for (auto& v : kept) v = 1 - v;
    mix.replace(m.part, [&](const Draft& draft) {
      if (!reads(draft)) return std::vector<Draft>{};
      std::vector<Draft> both{draft, as_other(draft, base, weighed(found.weights, taken))};
      both[0].map = diagonal(kept);
      both[1].added = true;
      return both;
    });
  }

  /** The reading with the other image's attention, which says this image's words; `map` as Draft's. */
  Draft as_other(const Draft& draft, int base, std::vector<double> map) const {
    Draft edited{.value_gain = draft.value_gain, .share = draft.share, .query = other(), .added = draft.added};
    edited.sources = draft.sources;
    if (base < 0 || (base == text_ && map.empty())) return edited;
    edited.sources[0].id = base;
    edited.values = draft.sources;
    edited.map = std::move(map);
    return edited;
  }

  TokenMap map_of(int base, const Moment& m) const {
    auto& texts = m.tables.texts;
    const auto &from = texts.prompt(base), &to = texts.prompt(text_);
    texts.require_even(base), texts.require_even(text_);
    if (edit_.method == PromptToPrompt::Method::refine) return aligned(texts.tokens(base), texts.tokens(text_));
    if (count_words(from) != count_words(to))
      refuse(path_ + ".prompt",
             fmt::format("{} words; \"replace\" goes word by word through the {} of {}; expected as many, or method "
                         "\"refine\"",
                         count_words(to), count_words(from), quote(from)));
    return word_by_word(from, texts.tokens(base), to, texts.tokens(text_));
  }

  /** By token of its prompt, how much of the attention to it is the other image's. */
  std::vector<double> strengths(const TokenMap& map, const Moment& m) const {
    std::vector<double> taken(map.known.size(), m.numbers[kCross]);
    for (size_t i = 0; i < edit_.words.size(); ++i)
      for (const int p : m.tables.texts.find(text_, edit_.words[i].tokens).positions) taken[p] = m.numbers[kWords + i];
    for (size_t p = 0; p < taken.size(); ++p) taken[p] *= map.known[p];
    return taken;
  }

  static Part scaled(Part part, double by) {
    for (auto& v : part.values) v *= by;
    part.shrink();
    return part;
  }

  const PromptToPrompt& edit_;
  std::string path_;
  int text_;
};

PromptToPrompt& edit_of(corepulse::Control& c) {
  return std::get<PromptToPrompt>(c.effect);
}

struct PromptToPromptKind {
  using Struct = PromptToPrompt;
  static constexpr const char* name = "prompt_to_prompt";
  static constexpr ShortForm short_forms[] = {{"prompt-to-prompt", parse_prompt_to_prompt}};
  static constexpr Item number_items[] = {
      {"cross", [](Scanner& s, corepulse::Control& c) { edit_of(c).cross = s.curve(); }, "cross"},
      {"self", [](Scanner& s, corepulse::Control& c) { edit_of(c).self = s.curve(); }, "self"},
      {"self_tokens", [](Scanner& s, corepulse::Control& c) { edit_of(c).self_tokens = s.whole_number(); },
       "self_tokens"}};
  static constexpr Item word_items[] = {
      {"method", [](Scanner& s, corepulse::Control& c) { edit_of(c).method = word_of<PromptToPrompt::Method>(s); },
       "method"},
      {"image", [](Scanner& s, corepulse::Control& c) { edit_of(c).image = s.whole_number(); }, "image"}};

  template <class V>
  static void fields(V& v) {
    v.required("prompt", &PromptToPrompt::prompt);
    v("image", &PromptToPrompt::image);
    v("method", &PromptToPrompt::method);
    v("cross", &PromptToPrompt::cross);
    v("words", &PromptToPrompt::words);
    v("self", &PromptToPrompt::self);
    v("self_tokens", &PromptToPrompt::self_tokens);
  }
  static void check(const PromptToPrompt& e, const corepulse::Control& c, const std::string& path) {
    check_curve(e.cross, Range::share, path + ".cross");
    check_curve(e.self, Range::share, path + ".self");
    if (e.self_tokens < 0) refuse(path + ".self_tokens", "expected 0 or more");
    if (std::find(c.images.begin(), c.images.end(), e.image) != c.images.end())
      refuse(path + ".images", fmt::format("image {} is the one that is looked at; expected others", e.image));
    for (size_t i = 0; i < e.words.size(); ++i) {
      const auto word = fmt::format("{}.words[{}]", path, i);
      check_tokens(e.words[i].tokens, word);
      check_curve(e.words[i].cross, Range::share, word + ".cross");
    }
  }
  static std::pair<std::string, int> image_prompt(const PromptToPrompt& e) { return {e.prompt, e.image}; }
  static EffectPointer attention(const PromptToPrompt& e, Mode, Tables& tables, const std::string& path) {
    return std::make_unique<PromptToPromptEffect>(e, tables.texts, path);
  }
};

}  // namespace

template <>
const Kind& kind<PromptToPrompt>() {
  return described<PromptToPromptKind>();
}

}  // namespace control

Control prompt_to_prompt(std::string prompt, PromptToPrompt::Method method) {
  return {.effect = PromptToPrompt{.prompt = std::move(prompt), .method = method}};
}

Control parse_prompt_to_prompt(std::string_view text) {
  return control::of_words("prompt-to-prompt", text, control::kPromptText,
                           [](std::string prompt) { return prompt_to_prompt(std::move(prompt)); });
}

}  // namespace corepulse
