#pragma once
// From a prepared request to pictures. Runs on the engine's thread.

#include "corepulse/request.h"

#include "pipeline/live_edits.h"
#include "pipeline/prepare/prepare.h"
#include "pipeline/weights/networks.h"

namespace corepulse::pipeline {

/**
 * @param outline of the same model. @param made what computes it.
 * @param prepared live edits are added to it. @throws Error out_of_memory before the run, cancelled, bad_file or
 * internal during it.
 */
Result generate(const LoadedModel& model, const Outline& outline, const MadeWith& made, Prepared& prepared,
                LiveEdits& live, const Request& request);

}  // namespace corepulse::pipeline
