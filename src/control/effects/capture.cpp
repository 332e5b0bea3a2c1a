// capture: where the picture looks at some words, as a map; or what it looks at in itself, as a recording.
#include "control/effects/capture.h"

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse {
namespace control {

template <>
std::span<const char* const> names_of<Capture::What>() {
  static constexpr const char* kWords[] = {"map", "keys", "features"};
  return kWords;
}

namespace {

bool is_map(const Effect& effect) {
  return std::get<Capture>(effect).what == Capture::What::map;
}

bool is_recording(const Effect& effect) {
  return !is_map(effect);
}

void take_what(Scanner& s, corepulse::Control& c) {
  auto& what = std::get<Capture>(c.effect).what;
  what = word_of<Capture::What>(s);
  if (what == Capture::What::map) s.refuse("keys or features");
}

void take_name(Scanner& s, corepulse::Control& c) {
  auto& name = std::get<Capture>(c.effect).name;
  name = s.item();
  if (name.empty()) s.refuse("a name");
}

struct CaptureKind {
  using Struct = Capture;
  static constexpr const char* name = "capture";
  static constexpr CommonFields common{.region = false};
  static constexpr ShortForm short_forms[] = {{"heatmap", parse_capture}, {"record", parse_record}};
  // The name of a recording stands before its " @ ".
  static constexpr Item word_items[] = {{"occurrence", take_occurrence, "occurrence", is_map},
                                        {"name", take_name, "name", is_map},
                                        {"what", take_what, "what", is_recording}};

  template <class V>
  static void fields(V& v) {
    v.inline_fields(&Capture::tokens);
    v("name", &Capture::name);
    v("what", &Capture::what);
  }
  static void check(const Capture& e, const corepulse::Control&, const std::string& path) {
    if (e.what == Capture::What::map) return check_tokens(e.tokens, path);
    if (e.tokens != Tokens()) refuse(path, "a recording takes no tokens; leave them out");
    if (e.name.empty()) refuse(path, "the field \"name\" is missing: what to call the recording");
  }
  static std::string subject(const Capture& e) {
    return e.what == Capture::What::map ? control::subject(e.tokens) : quote(e.name);
  }
  static CaptureSpec capture(const Capture& e, const corepulse::Control& c) {
    const bool recorded = e.what != Capture::What::map;
    return {.name = e.name.empty() ? e.tokens.phrase : e.name,
            .what = e.what,
            .rows = c.rows.value_or(recorded ? Rows::both : Rows::cond),
            .images = c.images,
            .heads = c.heads,
            .tokens = e.tokens};
  }
};

}  // namespace

template <>
const Kind& kind<Capture>() {
  return described<CaptureKind>();
}

}  // namespace control

Control capture(Tokens tokens, std::string name) {
  return {.effect = Capture{std::move(tokens), std::move(name)}};
}

Control record(std::string name) {
  return {.effect = Capture{.name = std::move(name), .what = Capture::What::keys}};
}

Control parse_capture(std::string_view text) {
  return control::of_words("heatmap", text, control::kPhrase, [](std::string phrase) { return capture(phrase); });
}

Control parse_record(std::string_view text) {
  return control::of_words("record", text, "a name", record);
}

}  // namespace corepulse
