#pragma once
// The noise levels a model was trained on: sigma = sqrt((1 - abar) / abar) by timestep, and back.

#include <vector>

#include "corepulse/sampling.h"

#include "sampler/sampler.h"

namespace corepulse::sampler {

class SigmaTable {
 public:
  /**
   * A last alphas_cumprod of 0 (zero terminal SNR) becomes the small number that `compat`'s tool puts there: 2^-24 in
   * Diffusers (sigma 4096), 4.897e-8 in ComfyUI and A1111 (sigma 4519). EDM's range is 1000 levels, even in log sigma.
   * @throws Error bad_file unless there are 2 or more values that fall within (0, 1].
   */
  SigmaTable(const Training& training, Compat compat);

  /** Whether the levels are a range's that a model was trained on, with none between two that it does not know. */
  bool continuous() const { return continuous_; }
  int size() const { return static_cast<int>(sigmas_.size()); }
  double min() const { return sigmas_.front(); }
  double max() const { return sigmas_.back(); }

  /** Sigma at t, clamped to 0..size - 1; between whole t linear in sigma (diffusers) or in log sigma. */
  double sigma(double t) const;

  /** The t of sigma, clamped to 0..size - 1: linear in log sigma; for comfy the nearest whole t. */
  double t(double sigma) const;

 private:
  Compat compat_;
  bool continuous_ = false;
  std::vector<double> sigmas_, log_sigmas_;  // rising
};

}  // namespace corepulse::sampler
