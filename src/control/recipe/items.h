#pragma once
// The items of a short form, behind its " @ ": "middle:0, sigma 15..0, strength 0.8".

#include "base/names.h"
#include "control/kind.h"
#include "control/recipe/scanner.h"
#include "control/recipe/words.h"

namespace corepulse::control {

/** Reads items up to the end of the text into the control. Throws Error{invalid_request} at the position of a wrong
 * one, of one that the kind does not have, and of one that is given twice. */
void take_items(Scanner& scanner, corepulse::Control& control);

/** Whether the text begins as items do: with an item's word, or with a name that layers may have. */
bool begins_as_items(std::string_view text);

/** One of an enumeration's words. */
template <class E>
E word_of(Scanner& scanner) {
  const auto names = strings(names_of<E>());
  const std::string word(scanner.peek_word());
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) scanner.refuse("one of " + choices(word, names));
  scanner.take_word(word);
  return static_cast<E>(found - names.begin());
}

// Items of several kinds.
void take_strength(Scanner& scanner, corepulse::Control& control);
void take_context(Scanner& scanner, corepulse::Control& control);
void take_occurrence(Scanner& scanner, corepulse::Control& control);
inline constexpr Item kStrength{"strength", take_strength, "strength"};
inline constexpr Item kContext{"context", take_context, "context"};
inline constexpr Item kOccurrence{"occurrence", take_occurrence, "occurrence"};

}  // namespace corepulse::control
