#pragma once
// The items of a short form, behind its " @ ": "middle:0, sigma 15..0, strength 0.8".

#include "corepulse/control.h"

#include "control/recipe/scanner.h"

namespace corepulse::control {

/** Reads items up to the end of the text into the control. Throws Error{invalid_request} at the position of a wrong
 * one, of one that the kind does not have, and of one that is given twice. */
void take_items(Scanner& scanner, corepulse::Control& control);

/** Whether the text begins as items do: with an item's word, or with a name that layers may have. */
bool begins_as_items(std::string_view text);

}  // namespace corepulse::control
