#pragma once
// From what a network sees and says to an estimate of x0, in the coordinates x = x0 + sigma * noise.

#include "corepulse/sampling.h"

#include "base/tensor.h"
#include "sampler/sampler.h"

namespace corepulse::sampler {

/** The network's input: x / sqrt(sigma^2 + 1), of variance about 1 at every sigma; EDM: with sigma_data^2 for 1. */
mx::array model_input(const Training& training, const mx::array& x, double sigma);

/** The estimate of x0 from the network's output at `sigma`; shapes of x, dtype of x. */
mx::array denoised(const Training& training, const mx::array& x, const mx::array& model_output, double sigma);

/** How much the estimate of x0 changes with the network's output: denoised() is this times it, and a part of x. */
double picture_by_output(const Training& training, double sigma);

/** The noise in x (of variance 1) that the output means, of predictions epsilon and v alone. */
mx::array noise_in(Prediction prediction, const mx::array& x, const mx::array& model_output, double sigma);

}  // namespace corepulse::sampler
