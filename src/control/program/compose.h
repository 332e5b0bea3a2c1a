#pragma once
// For every layer, call and row, the controls act in list order.

#include "control/program/place.h"
#include "control/program/program_data.h"

namespace corepulse::control {

/** What composing found out about a placed control. */
struct Outcome {
  bool matched = false, changed = false;
  bool cut = false;     ///< Its phrase is in a text, but beyond the text encoder's end.
  std::set<int> texts;  ///< Where its phrase was found, by internal number.
  std::set<int> tried;  ///< The texts that were read where it was not.
};

struct Composition {
  PlanTable table;
  std::vector<Outcome> outcomes;  ///< By placed control.
};

/** @throws Error{invalid_request} for numbers beyond float32, and for too much work or memory. */
Composition compose(Context& context, const StepInputs& steps, const std::vector<Placed>& placed);

}  // namespace corepulse::control
