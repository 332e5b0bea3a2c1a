#pragma once
// A kind's entry in the list from a struct that says what is its own.
//
//   struct SmoothKind {
//     using Struct = Smooth;
//     static constexpr const char* name = "smooth";
//     template <class V>
//     static void fields(V& v) { v("strength", &Smooth::strength); }  // its JSON, see recipe/fields.h
//     static EffectPointer attention(const Smooth&, Mode, Tables&, const std::string& path);
//   };
//   template <>
//   const Kind& kind<Smooth>() { return described<SmoothKind>(); }
//
// It may further hold: common, comfy, needs, any_strength (its own check says which is right), short_forms,
// number_items, word_items; check(struct, control, path), subject(struct), blurs(struct); and step(struct, texts,
// inputs), capture(struct, control), weights(struct, control, inputs, path), side(struct, inputs, path),
// features(struct), mixes(struct, inputs, path) or latents(struct) in place of attention.

#include "control/kind.h"
#include "control/quote.h"
#include "control/readings/effect.h"
#include "control/recipe/check.h"
#include "control/recipe/items.h"
#include "control/recipe/read_object.h"
#include "control/recipe/write_object.h"

namespace corepulse::control {

template <class K>
const typename K::Struct& own(const Effect& effect) {
  return std::get<typename K::Struct>(effect);
}

template <class K>
void describe_json(Kind& kind) {
  using Struct = typename K::Struct;
  FieldNames names;
  K::fields(names);
  kind.fields = names.all;
  kind.read = [](ObjectReader& from, Effect& to) {
    Reader<Struct> reader{from, std::get<Struct>(to)};
    K::fields(reader);
  };
  kind.write = [](const Effect& from, OrderedJson& to) {
    static const Struct normal{};
    Writer<Struct> writer{own<K>(from), normal, to};
    K::fields(writer);
  };
}

template <class K>
void describe_words(Kind& kind) {
  static constexpr Item kStrengthOnly[] = {kStrength};
  if constexpr (requires { K::short_forms; }) kind.short_forms = K::short_forms;
  if constexpr (requires { K::number_items; })
    kind.number_items = K::number_items;
  else if constexpr (requires(typename K::Struct e) { e.strength; })
    kind.number_items = kStrengthOnly;
  if constexpr (requires { K::word_items; }) kind.word_items = K::word_items;
  kind.check = [](const corepulse::Control& control, const std::string& path) {
    const auto& effect = own<K>(control.effect);
    if constexpr (requires { &K::check; }) K::check(effect, control, path);
    if constexpr (
        requires { effect.strength; } && !requires { &K::weights; } && !requires { &K::side; } &&
        !requires { K::any_strength; })
      check_curve(effect.strength, Range::share, path + ".strength");
  };
  kind.subject = [](const Effect& effect) -> std::string {
    const auto& e = own<K>(effect);
    if constexpr (requires { &K::subject; })
      return K::subject(e);
    else if constexpr (requires { e.tokens; })
      return subject(e.tokens);
    else if constexpr (requires { e.prompt; })
      return quote(e.prompt);
    else
      return "";
  };
}

template <class K>
void describe_action(Kind& kind) {
  if constexpr (requires { K::needs; }) kind.needs = K::needs;
  if constexpr (requires { &K::image_prompt; })
    kind.image_prompt = [](const Effect& effect) { return K::image_prompt(own<K>(effect)); };
  if constexpr (requires { &K::blurs; }) kind.blurs = [](const Effect& effect) { return K::blurs(own<K>(effect)); };
  if constexpr (requires { &K::attention; })
    kind.attention = [](const corepulse::Control& control, Tables& tables, const std::string& path) {
      return K::attention(own<K>(control.effect), control.mode, tables, path);
    };
  else if constexpr (requires { &K::step; })
    kind.step = [](const Effect& effect, TextTable& texts, const ProgramInputs& inputs) {
      return K::step(own<K>(effect), texts, inputs);
    };
  else if constexpr (requires { &K::weights; })
    kind.weights = [](const corepulse::Control& control, const ProgramInputs& inputs, const std::string& path) {
      return K::weights(own<K>(control.effect), control, inputs, path);
    };
  else if constexpr (requires { &K::side; })
    kind.side = [](const corepulse::Control& control, const ProgramInputs& inputs, const std::string& path) {
      return K::side(own<K>(control.effect), inputs, path);
    };
  else if constexpr (requires { &K::features; })
    kind.features = [](const Effect& effect) { return K::features(own<K>(effect)); };
  else if constexpr (requires { &K::mixes; })
    kind.mixes = [](const Effect& effect, const ProgramInputs& inputs, const std::string& path) {
      return K::mixes(own<K>(effect), inputs, path);
    };
  else if constexpr (requires { &K::latents; })
    kind.latents = [](const Effect& effect) { return K::latents(own<K>(effect)); };
  else
    kind.capture = [](const corepulse::Control& control) { return K::capture(own<K>(control.effect), control); };
}

template <class K>
const Kind& described() {
  static const Kind kind = [] {
    Kind made{.name = K::name, .normal = typename K::Struct{}};
    if constexpr (requires { K::common; }) made.common = K::common;
    if constexpr (requires { K::comfy; }) made.comfy = K::comfy;
    describe_json<K>(made);
    describe_words<K>(made);
    describe_action<K>(made);
    return made;
  }();
  return kind;
}

}  // namespace corepulse::control
