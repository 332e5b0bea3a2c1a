#pragma once
// The loop: sampler, UNet and control, step by step.

#include <functional>
#include <vector>

#include "pipeline/predict.h"

namespace corepulse::pipeline {

/** After step i (1..n): the latents x [B, h, w, 4] at sigma, and the current estimate of x0. False
 * stops the run. */
using StepFunction = std::function<bool(int i, double sigma, const mx::array& x, const mx::array& denoised)>;

/**
 * From x at the first sigma (noise times schedule.initial_scale) to the final latents [B, h, w, 4],
 * float32.
 * @throws Error{cancelled} when on_step says stop; as fail_not_finite when the latents are no longer
 * finite.
 */
mx::array denoise(const Run& run, mx::array x, const sampler::NoiseFunction& noise, const StepFunction& on_step,
                  int& model_calls);

/**
 * The same for several runs of which Together may make the calls; x, the images of all of them in order, becomes the
 * final latents. @return by run, how many calls its images took part in.
 */
std::vector<int> denoise_together(const std::vector<RunImages>& runs, mx::array& x, const sampler::NoiseFunction& noise,
                                  const StepFunction& on_step);

}  // namespace corepulse::pipeline
