#pragma once
// The frame of all short forms: a subject, then " @ " and items. Each kind's own grammar stands in its file in
// effects/.

#include <string>
#include <string_view>

#include "corepulse/control.h"

#include "control/recipe/scanner.h"

namespace corepulse::control {

/** What stands before the last " @ ", and where the items begin. */
struct Split {
  std::string_view subject;
  size_t items;
};

// All throw Error{invalid_request} that points at the position; `form` names the short form in messages.

/** @throws also if the subject is blank, or " @ " lacks its spaces. */
Split split(std::string_view form, std::string_view text, const char* expected);

/** The subject as words, and what `make` makes of them, with the items. */
template <class Make>
corepulse::Control of_words(std::string_view form, std::string_view text, const char* expected, const Make& make);
/** "PHRASE=CURVE" likewise. */
template <class Make>
corepulse::Control of_phrase_and_curve(std::string_view form, std::string_view text, const char* expected,
                                       const Make& make);
/** A curve likewise. */
template <class Make>
corepulse::Control of_curve(std::string_view form, std::string_view text, const Make& make);

corepulse::Control with_items(corepulse::Control control, std::string_view form, std::string_view text, size_t items);

std::string trimmed(std::string_view text);

/** "PHRASE=0.3": what stands before the last sign. */
std::string phrase_before(std::string_view form, std::string_view text, std::string_view subject, std::string_view sign,
                          const char* expected);

/** The rest of the subject from `begin` as a curve. */
Curve curve_at(std::string_view form, std::string_view subject, size_t begin = 0);
/** What stands behind the last sign. */
Curve curve_behind(std::string_view form, std::string_view subject, std::string_view sign);

inline constexpr const char* kPromptText = "a prompt (an empty one is written in a recipe)";
inline constexpr const char* kPhrase = "a phrase of the prompt";
inline constexpr const char* kNumber = "a number, or points such as 0:0 0.5:1";

template <class Make>
corepulse::Control of_words(std::string_view form, std::string_view text, const char* expected, const Make& make) {
  const auto [subject, items] = split(form, text, expected);
  return with_items(make(trimmed(subject)), form, text, items);
}

template <class Make>
corepulse::Control of_phrase_and_curve(std::string_view form, std::string_view text, const char* expected,
                                       const Make& make) {
  const auto [subject, items] = split(form, text, expected);
  const auto phrase = phrase_before(form, text, subject, "=", expected);
  return with_items(make(phrase, curve_behind(form, subject, "=")), form, text, items);
}

template <class Make>
corepulse::Control of_curve(std::string_view form, std::string_view text, const Make& make) {
  const auto [subject, items] = split(form, text, kNumber);
  return with_items(make(curve_at(form, subject)), form, text, items);
}

}  // namespace corepulse::control
