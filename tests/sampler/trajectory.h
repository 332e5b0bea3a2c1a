#pragma once
// Runs a sampler as make_sampler_goldens.py runs the reference: the same network, the same noises.

#include <algorithm>
#include <cmath>
#include <vector>

#include "goldens.h"
#include "sampler/noise/noise.h"
#include "sampler/prediction.h"
#include "sampler/schedule/levels.h"

namespace corepulse::sampler {

/** One run of a sampler. */
struct Case {
  Training training;
  SamplingOptions options;
};

inline mx::array network(const mx::array& x, double t) {
  return like(0.6f, x) * x + like(0.3f, x) * mx::sin(like(3, x) * x) +
         like(static_cast<float>(0.2 * std::cos(t / 100)), x);
}

struct Run {
  std::vector<double> t, sigma;
  std::vector<mx::array> latents;
};

// The latents in the coordinates of the golden: Diffusers' solvers divide by sqrt(1 + sigma^2).
inline Run run(const Case& c, const mx::array& noises, bool in_vp) {
  const auto schedule = make_schedule(c.training, c.options);
  const auto sampler = make_sampler(schedule, c.training, c.options);
  int drawn = 0;
  const auto draw = [&] { return mx::take(noises, drawn++, 0); };
  const auto noise = on_one_path(draw);
  auto x = draw() * mx::array(static_cast<float>(schedule.initial_scale));
  Run result;
  const auto keep = [&](int i) {
    const double sigma = in_vp ? schedule.sigma[i] : 0;
    result.latents.push_back(model_input(c.training, x, sigma));
    result.latents.back().eval();
  };
  const Denoiser denoise = [&](const mx::array& at, const Evaluation& e) {
    result.t.push_back(e.t);
    result.sigma.push_back(e.sigma);
    const auto said = network(model_input(c.training, at, e.sigma), e.t);
    const auto estimate = [&](const mx::array& output) { return denoised(c.training, at, output, e.sigma); };
    if (!e.negative) return estimate(said);
    // As make_further_sampler_goldens.py: the negative prompt's prediction is the half.
    const auto negative = estimate(like(0.5f, said) * said);
    *e.negative = negative;
    return negative + like(3, at) * (estimate(said) - negative);
  };
  keep(0);
  for (int i = 0; i < schedule.steps(); ++i) {
    x = sampler->step(i, x, denoise, noise);
    keep(i + 1);
  }
  return result;
}

// The largest deviation of one list of numbers; relative, but absolute below 1.
inline double deviation(const std::vector<double>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return INFINITY;
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i)
    most = std::max(most, std::abs(a[i] - b[i]) / std::max(1.0, std::abs<double>(b[i])));
  return most;
}

/** The largest relative error of any latent; infinite if there are fewer than the golden holds. */
inline double error_of(const Run& ours, const mx::array& latents) {
  double error = 0;
  if (static_cast<int>(ours.latents.size()) < latents.shape(0)) return INFINITY;
  for (int i = 0; i < latents.shape(0); ++i)
    error = std::max(error, relative_error(ours.latents[i], mx::take(latents, i, 0)));
  return error;
}

}  // namespace corepulse::sampler
