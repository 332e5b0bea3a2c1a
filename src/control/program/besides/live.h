#pragma once
// Regions that are made while the run goes on, of how much words have been looked at.

#include "control/program/place.h"

namespace corepulse::control {

/** Its region, or one of its effect's, is another one in each step. */
bool has_live_region(const Placed& item);

/** What tells the maps of regions of shape attention apart: their words and layers. */
std::string live_name(const Region& region);

/** What a region follows, for reports: "cat", or "cat" in image 0, with the quotes. */
std::vector<std::string> looks_of(const Region& region);

/**
 * What the live regions of these and of `steps.blends` watch, each once: the prompt's rows, in all calls.
 * @throws Error{invalid_request} for a phrase, layers or images that are none, a phrase that an image of the region
 * never reads, and where a part of a picture is drawn.
 */
std::vector<CaptureSpec> live_captures(const std::vector<Placed>& placed, const StepInputs& steps, Context& context);

}  // namespace corepulse::control
