#pragma once
// What a program will do, told before it runs.

#include <string>

#include "control/program/program.h"

namespace corepulse::control {

/** For people: each control with its layers, steps, tokens and region, then the table block x step. */
std::string explain_text(const Program& program);

/** For programs: {"steps", "texts", "controls", "blocks", "captures"}; fields are in docs/control.md. */
std::string explain_json(const Program& program);

}  // namespace corepulse::control
