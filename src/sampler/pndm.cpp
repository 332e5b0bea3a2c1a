// PLMS, which is PNDM without its Runge-Kutta steps (Liu et al. 2022): the first step is Heun's, the others continue
// the last four predictions by Adams and Bashforth's weights, as if steps were even. PNDMScheduler, A1111's PLMS.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/schedule/levels.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Pndm final : public Sampler {
 public:
  Pndm(const Schedule& schedule, PndmLevels levels) : schedule_(schedule), levels_(std::move(levels)) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i];
    said_.insert(said_.begin(), said(x, *denoised_, sigma));
    said_.resize(std::min(said_.size(), size_t{4}), x);
    if (!has_second_evaluation(schedule_, i)) return moved(x, sigma, i, adams_bashforth(said_), levels_.ends[i]);
    const auto second = second_evaluation(schedule_, i);
    const auto euler = moved(x, sigma, i, said_.front(), levels_.ends[i]);
    denoised_ = denoise(euler, second);
    const auto mean = times(0.5, said_.front() + said(euler, *denoised_, second.sigma));
    return moved(read_at(x, sigma, levels_.again), levels_.again, i, mean, second.sigma);
  }

 private:
  bool of_v() const { return levels_.prediction == Prediction::v; }

  // What the network said; Diffusers continues that, and not the noise which it means.
  mx::array said(const mx::array& x, const mx::array& denoised, double sigma) const {
    const double variance = 1 + sigma * sigma;
    return of_v() ? times(std::sqrt(variance) / sigma, times(1 / variance, x) - denoised)
                  : times(1 / sigma, x - denoised);
  }

  // x as the tools hold it, x / sqrt(1 + sigma^2), taken to stand at another level.
  static mx::array read_at(const mx::array& x, double from, double to) {
    return from == to ? x : times(std::sqrt((1 + to * to) / (1 + from * from)), x);
  }

  mx::array moved(const mx::array& x, double from, int i, const mx::array& said, double end) const {
    const double length = std::sqrt(1 + from * from);
    const auto noise = of_v() ? times(1 / length, said + times(from / length, x)) : said;
    return read_at(x + times(end - from, noise), end, schedule_.sigma[i + 1]);
  }

  Schedule schedule_;
  PndmLevels levels_;
  std::vector<mx::array> said_;  // the last one first
};

}  // namespace

PndmLevels pndm_levels(const Schedule& schedule, const Training& training, const SamplingOptions& options) {
  PndmLevels levels{ddim_ends(schedule, training, options), schedule.sigma[0], Prediction::epsilon};
  if (options.compat != Compat::diffusers || training.edm) return levels;
  levels.prediction = training.prediction;
  if (listed(options) || !is_spacing(resolved_schedule(options)) || schedule.steps() == 1) return levels;
  // Diffusers finds the first step's start again by going one stride back from its end.
  const SigmaTable table(training, options.compat);
  levels.again = table.sigma(schedule.t[1] + table.size() / options.steps);
  return levels;
}

std::unique_ptr<Sampler> make_pndm(const Schedule& schedule, PndmLevels levels) {
  return std::make_unique<Pndm>(schedule, std::move(levels));
}

}  // namespace corepulse::sampler
