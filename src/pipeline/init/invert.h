#pragma once
// From a picture's latent to latents that draw it: the run's steps backwards (DDIM inversion).

#include <vector>

#include "pipeline/denoise.h"

namespace corepulse::pipeline {

/** A latent [1, h, w, c], float32, at each sigma of the schedule: what step i begins with; the last is the picture's.
 */
using Way = std::vector<mx::array>;

/**
 * @param run what the picture shows; it has a call for each step, of which image 0's rows are asked. @param latent the
 * picture's. @param refinements see sampler::Inversion. @param on_step hears of the steps in the order in which they
 * are made, 1..n, at rising sigma. @throws as denoise.
 */
Way invert(const Run& run, const mx::array& latent, int refinements, const StepFunction& on_step, int& model_calls);

}  // namespace corepulse::pipeline
