#pragma once
// What the kinds that say how guidance adds up have in common.

#include "corepulse/shorthand.h"

#include "control/effects/describe.h"
#include "control/recipe/short_form.h"

namespace corepulse::control {

inline constexpr StepNeeds kGuidedCalls{.guidance = true};

/** An item that sets a curve of the kind. */
template <class E, Curve E::* field>
void take_curve(Scanner& scanner, corepulse::Control& control) {
  std::get<E>(control.effect).*field = scanner.curve();
}

/** An item that sets a number of the kind. */
template <class E, double E::* field>
void take_number(Scanner& scanner, corepulse::Control& control) {
  std::get<E>(control.effect).*field = scanner.number();
}

/** An item that is a word of its own, and turns a switch of the kind. */
template <class E, bool E::* field, bool to>
void turn(Scanner&, corepulse::Control& control) {
  std::get<E>(control.effect).*field = to;
}

}  // namespace corepulse::control
