#pragma once
// The steps of a run backwards: from a picture's latent to the noise that it is drawn from (DDIM inversion).

#include <functional>
#include <vector>

#include "sampler/sampler.h"

namespace corepulse::sampler {

/** The noise that the network sees in x at `sigma`, when it is asked at the timestep of step i. */
using NoiseInFunction = std::function<mx::array(int i, const mx::array& x, double sigma)>;

/** Of what a deterministic step made, what it began with: as Diffusers' DDIMInverseScheduler, on any schedule. */
class Inversion {
 public:
  /** @throws Error{invalid_request} for samplers and models whose steps have no such way back, saying why. */
  Inversion(const Schedule& schedule, const Training& training, const SamplingOptions& options);

  /**
   * x at schedule.sigma[i + 1] -> x at schedule.sigma[i]. The noise is asked in what is known, x itself; each
   * refinement asks again in what was found, a fixed-point iteration whose limit step i takes back to x exactly.
   */
  mx::array begin_of(int i, const mx::array& x, const NoiseInFunction& noise, int refinements) const;

 private:
  std::vector<double> sigma_;
  std::vector<double> ends_;  // what each step aims at, see ddim_ends
};

}  // namespace corepulse::sampler
