#pragma once
// What can be wrong with a control whatever the model: numbers out of range, fields it does not have.

#include <string>

#include "corepulse/control.h"

namespace corepulse::control {

/** @throws Error{invalid_request} at `path`, e.g. "controls[2]". */
void check(const corepulse::Control& control, const std::string& path);

/** inject "a dragon", reweight "park": for reports. */
std::string title(const corepulse::Control& control);

// What kinds check of their own fields, and say of them.

/** 0..1; 0 or more; more than 0; finite. */
enum class Range { share, weight, positive, any };

void check_curve(const Curve& curve, Range range, const std::string& path);
void check_tokens(const Tokens& tokens, const std::string& path);
/** The phrase in quotes, or "padding tokens". */
std::string subject(const Tokens& tokens);

}  // namespace corepulse::control
