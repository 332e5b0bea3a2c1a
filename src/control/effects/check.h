#pragma once
// What can be wrong with a control whatever the model: numbers out of range, fields it does not have.

#include <string>

#include "corepulse/control.h"

namespace corepulse::control {

/** @throws Error{invalid_request} at `path`, e.g. "controls[2]". */
void check(const corepulse::Control& control, const std::string& path);

/** inject "a dragon", reweight "park": for reports. */
std::string title(const corepulse::Control& control);

}  // namespace corepulse::control
