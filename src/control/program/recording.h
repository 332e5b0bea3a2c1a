#pragma once
// Recordings: what a capture of keys holds, and which layers, steps and rows of one a control may read.

#include "control/program/place.h"

namespace corepulse::control {

/** What a capture of keys holds: the calls and rows that exist. @throws Error{invalid_request}. */
void settle_recording(CaptureSpec& spec, const Context& context, const StepInputs& steps);

/**
 * Leaves of a control that reads a recording the layers and calls that were recorded.
 * @throws Error{invalid_request} if it names others, or the recording is of another run.
 */
void narrow_to_recording(Placed& item, const Context& context, const StepInputs& steps);

}  // namespace corepulse::control
