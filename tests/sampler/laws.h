#pragma once
// What the laws of samplers run: any network, from any latents, with noise that repeats.

#include <cmath>
#include <vector>

#include "mlx/random.h"

#include "goldens.h"
#include "sampler/noise/noise.h"
#include "sampler/prediction.h"

namespace corepulse::sampler {

inline SamplingOptions options(SamplerKind sampler, int steps, ScheduleKind schedule = ScheduleKind::karras) {
  SamplingOptions o;
  o.sampler = sampler;
  o.steps = steps;
  o.schedule = schedule;
  o.set_alpha_to_one = true;  // so that DDIM, too, ends at sigma 0
  return o;
}

inline mx::array normal(const mx::Shape& shape, uint64_t seed) {
  auto x = mx::random::normal(shape, mx::float32, mx::random::key(seed));
  x.eval();
  return x;
}

// Noise that repeats: draw k of a run is always the same.
inline NoiseFunction repeatable_noise(const mx::Shape& shape) {
  return [shape, draw = 0](Way) mutable { return normal(shape, 1000 + draw++); };
}

/** The latents of a run: before the first step and after each. */
inline std::vector<mx::array> run(const SamplingOptions& o, const Denoiser& denoise, mx::array x) {
  const auto training = sd_training();
  const auto schedule = make_schedule(training, o);
  const auto sampler = make_sampler(schedule, training, o);
  const auto noise = on_one_path([draw = repeatable_noise(x.shape())] { return draw({}); });
  std::vector<mx::array> latents{x * like(static_cast<float>(schedule.initial_scale), x)};
  for (int i = 0; i < schedule.steps(); ++i) {
    latents.push_back(sampler->step(i, latents.back(), denoise, noise));
    latents.back().eval();
  }
  return latents;
}

// The exact denoiser of pictures that are standard normal noise themselves.
inline mx::array gaussian_denoiser(const mx::array& x, const Evaluation& e) {
  return x * like(static_cast<float>(1 / (1 + e.sigma * e.sigma)), x);
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  return values<float>(a) == values<float>(b);
}

inline double spread(const mx::array& x) {
  double sum = 0;
  const auto all = values<float>(x);
  for (const double v : all) sum += v * v;
  return std::sqrt(sum / all.size());
}

}  // namespace corepulse::sampler
