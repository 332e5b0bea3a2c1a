#pragma once
// Recordings: what a capture of keys or features holds, and which layers, steps and rows of one a control may read.

#include "control/program/place.h"

namespace corepulse::control {

/** What a capture of keys or features holds: the calls and rows that exist. @throws Error{invalid_request}. */
void settle_recording(CaptureSpec& spec, const Context& context, const StepInputs& steps);

/** Who reads a recording. */
struct RecordingReader {
  const corepulse::Control& control;
  std::string path;
  Rows rows = Rows::cond;
  bool any_row = false;  ///< Of a recording that holds the prompt's row alone, all rows may read that.
  Capture::What what = Capture::What::keys;
};

/** At which layers and calls it does. */
struct ReadPlaces {
  std::vector<bool>&layers, &calls;
};

/**
 * Leaves of the places what was recorded. @param layers what ReadPlaces::layers are of.
 * @throws Error{invalid_request} if the control names others, or the recording is of another run, or of other things.
 */
void narrow_to_recording(const RecordingReader& reader, const RecordingInfo& info, const std::vector<Site>& layers,
                         ReadPlaces places, const Context& context, const StepInputs& steps);
/** The same of a control that acts on attention. */
void narrow_to_recording(Placed& item, const Context& context, const StepInputs& steps);

}  // namespace corepulse::control
