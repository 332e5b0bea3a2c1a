#pragma once
// From prepared requests to pictures. Runs on the engine's thread.

#include <vector>

#include "corepulse/request.h"

#include "pipeline/live_edits.h"
#include "pipeline/model_run.h"
#include "pipeline/prepare/prepare.h"

namespace corepulse::pipeline {

struct RunToDraw {
  Prepared& prepared;  ///< Live edits are added to it.
  LiveEdits& live;
  const Request& request;
};

/**
 * @param outline of the same model. @param made what computes it.
 * @param runs one, or several that nothing keeps apart (why_apart). @param one_by_one see Run. @param refiner of a
 * run by itself, or null.
 * @throws Error out_of_memory before the run, cancelled, bad_file or internal during it.
 */
std::vector<Result> generate(const LoadedModel& model, const Outline& outline, const MadeWith& made,
                             const std::vector<RunToDraw>& runs, bool one_by_one, const Refining* refiner);

}  // namespace corepulse::pipeline
