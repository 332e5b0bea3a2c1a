#pragma once
// The arithmetic that the samplers share.

#include "sampler/sampler.h"

namespace corepulse::sampler {

/** c * x in x's dtype. */
mx::array times(double c, const mx::array& x);

/**
 * x moved along its own noise: denoised + share * (x - denoised). With share = sigma' / sigma this is the exact
 * Euler step from sigma to sigma', and every deterministic step here is one towards some better `denoised`.
 */
mx::array keep_noise(double share, const mx::array& x, const mx::array& denoised);

/** x cut off at -limit and limit; infinite: x itself. */
mx::array clipped(const mx::array& x, double limit);

/** x + level * (fresh noise of this way); nothing is drawn for level 0. */
mx::array add_noise(const mx::array& x, double level, const NoiseFunction& noise, Way way);

/** The sigma at which step i ends, before any noise that takes it up again. */
double end_of(const Schedule& schedule, int i);

/** Where step i goes. */
Way way(const Schedule& schedule, int i);

/** The next of up to four values, the last one first, at even distances: Adams and Bashforth's weights. */
mx::array adams_bashforth(const std::vector<mx::array>& values);

/** An ancestral step: go down to sigma `down`, then add noise of sigma `up`: down^2 + up^2 = to^2. */
struct Ancestral {
  double down, up;
};
Ancestral ancestral(double from, double to, double eta);

/** How far step i goes down, in log sigma: the h of the DPM-Solver papers. */
double log_step(const Schedule& schedule, int i);

/** The model calls of step i. @throws Error internal unless the schedule has such a step. */
Evaluation first_evaluation(const Schedule& schedule, int i);
Evaluation second_evaluation(const Schedule& schedule, int i);
bool has_second_evaluation(const Schedule& schedule, int i);

}  // namespace corepulse::sampler
