#pragma once
// Samplers: from noise to latent in n steps, in the coordinates x = x0 + sigma * noise (Karras et al. 2022).

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/sampling.h"

#include "base/tensor.h"

namespace corepulse::sampler {

/** One model call a sampler asks for. */
struct Evaluation {
  int step = 0;
  double t = 0, sigma = 0;
  bool first = true;  ///< False for the second call of a two-evaluation step.
  /** Not null: the denoiser leaves the estimate of the negative prompt's prediction alone here, where it has one. */
  std::optional<mx::array>* negative = nullptr;
};

/** The guided model: x at evaluation.sigma -> its estimate of x0 ("denoised"). Shapes [B, h, w, 4]. */
using Denoiser = std::function<mx::array(const mx::array& x, const Evaluation& evaluation)>;

/** The way of a step, or of a part of it: from one noise level down to another. */
struct Way {
  double from = 0, to = 0;
};

/**
 * Fresh standard normal noise of x's shape, called in the order Diffusers draws, and only where some is used. Of two
 * ways from the same level (dpmpp_sde: half of its step, then all of it) the noises are those of one Brownian motion in
 * sigma.
 */
using NoiseFunction = std::function<mx::array(Way way)>;

/** The steps of a run: n pairs (t, sigma), sigma falling (but see ends), then the 0 that the last step ends at. */
struct Schedule {
  std::vector<double> t;      ///< n
  std::vector<double> sigma;  ///< n + 1
  double initial_scale = 1;   ///< The first latent is noise * initial_scale.
  double noisiest = 0;        ///< sigma[0], or that of the first step left out.
  int skipped = 0;            ///< Steps left out before the first: see make_schedule.
  /** Only of restart: where each of n steps ends before noise takes it up again to the next level; else empty. */
  std::vector<double> ends;
  /** Where two-evaluation samplers call the model a second time: n values, sigma 0 = not in this step; else empty. */
  std::vector<double> second_t, second_sigma;
  bool second_at_start = false;  ///< Only in the first step that runs (pndm).
  int steps() const { return static_cast<int>(t.size()); }
  bool operator==(const Schedule&) const = default;
};

/** State of one run; step(i) must be called for i = 0, 1, ... */
class Sampler {
 public:
  virtual ~Sampler() = default;
  /** One step: x at schedule.sigma[i] -> x at schedule.sigma[i + 1]. Lazy: the caller evaluates. */
  virtual mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) = 0;
  /** The estimate of x0 that the last step ended with, for previews. @throws Error internal before any step. */
  const mx::array& denoised() const;

 protected:
  std::optional<mx::array> denoised_;
};

/** Karras et al. 2022's training: noise levels of a continuous range, and inputs and outputs scaled by them. */
struct Edm {
  double sigma_min = 0.002, sigma_max = 80;
  double sigma_data = 0.5;  ///< The deviation of the pictures' latents that the scales are made for.
  bool operator==(const Edm&) const = default;
};

/** Where a model was trained: its betas as cumulative products, and what it predicts. */
struct Training {
  std::vector<double> alphas_cumprod;  ///< 1000 values, falling; the last is 0 for zero terminal SNR. EDM: none.
  Prediction prediction = Prediction::epsilon;
  std::optional<Edm> edm = {};
  bool operator==(const Training&) const = default;
};

/**
 * The schedule of a run.
 * @param last how many of its steps are run, the last ones, as a run from a picture does; at least 1. Absent: all.
 * @throws Error invalid_request for numbers out of range and combinations that do not exist, bad_file for a
 *         damaged `training`.
 */
Schedule make_schedule(const Training& training, const SamplingOptions& options, std::optional<int> last = {});

/** What is left of a schedule behind so many of its steps, for a sampler that begins anew there; at least one is. */
Schedule behind(Schedule schedule, int steps);

/** Every model call of a run in order, as step() will ask for them: control resolves windows against this. */
std::vector<Evaluation> evaluations(const Schedule& schedule, const SamplingOptions& options);

/** The sampler of `options` on a schedule that make_schedule returned for them. */
std::unique_ptr<Sampler> make_sampler(const Schedule& schedule, const Training& training,
                                      const SamplingOptions& options);

}  // namespace corepulse::sampler
