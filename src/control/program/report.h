#pragma once
// What became of the controls: those that did nothing are errors or neutral, the others are accounted for.

#include "control/program/compose.h"

namespace corepulse::control {

/** With the tokens' positions in all texts. @throws Error{invalid_request} if none holds them. */
std::vector<CaptureSpec> with_positions(std::vector<CaptureSpec> captures, Context& context);

/**
 * By control. @param reports those that set inputs of steps are in it already.
 * @throws Error{invalid_request} for controls that found nothing to act on.
 */
std::vector<ControlReport> report(std::vector<ControlReport> reports, const Placement& placement,
                                  const Composition& composition, Context& context);

/** Sentences on texts of controls that are longer than the text encoder reads. */
std::vector<std::string> cut_texts(const TextTable& texts);

/** A sentence on each control that changes nothing. */
std::vector<std::string> neutral_controls(const std::vector<ControlReport>& reports, const Context& context);

}  // namespace corepulse::control
