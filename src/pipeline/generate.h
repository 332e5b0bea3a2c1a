#pragma once
// From a prepared request to pictures. Runs on the engine's thread.

#include "corepulse/request.h"

#include "model/model.h"
#include "pipeline/prepare.h"

namespace corepulse::pipeline {

/** @param dtype what the UNet computes in. @throws Error out_of_memory before the run, cancelled or internal during it.
 */
Result generate(const model::Model& model, mx::Dtype dtype, const Prepared& prepared, const Request& request);

}  // namespace corepulse::pipeline
