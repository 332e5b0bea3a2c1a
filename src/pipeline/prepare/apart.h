#pragma once
// Which runs may be drawn side by side.

#include <string>

#include "pipeline/prepare/prepare.h"

namespace corepulse::pipeline {

/**
 * What keeps two runs of one model from being drawn together, for people: "their samplers, schedules or steps differ".
 * "": nothing. Rows of a UNet call are of one size and moment and have the same weights, and a run's captures,
 * recordings and functions are known by numbers of its own; all else that a recipe says is data of its rows.
 */
std::string why_apart(const Prepared& a, const Prepared& b);

}  // namespace corepulse::pipeline
