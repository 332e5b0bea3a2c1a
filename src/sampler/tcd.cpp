// TCD (Zheng et al. 2024): every step goes below its end, to the timestep (1 - gamma) times the end's, and adds noise
// up to it; TCDScheduler, whose eta is that gamma.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Tcd final : public Sampler {
 public:
  Tcd(const Schedule& schedule, TcdLevels levels) : schedule_(schedule), levels_(std::move(levels)) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double next = schedule_.sigma[i + 1], end = levels_.ends[i], low = levels_.low[i];
    const auto below = keep_noise(low / schedule_.sigma[i], x, *denoised_);
    const double fresh = std::sqrt(std::max(0.0, end * end - low * low));
    // The last step ends at timestep 0, whose level the decoder takes for 0.
    const double scale = std::sqrt((1 + next * next) / (1 + end * end));
    const auto made = add_noise(below, fresh, noise, way(schedule_, i));
    return scale == 1 ? made : times(scale, made);
  }

 private:
  Schedule schedule_;
  TcdLevels levels_;
};

}  // namespace

TcdLevels tcd_levels(const Schedule& schedule, const Training& training, const SamplingOptions& options) {
  constexpr double kGamma = 0.3;
  const double gamma = options.eta_given ? options.eta : kGamma;
  const SigmaTable table(training, options.compat);
  TcdLevels levels;
  for (int i = 0; i < schedule.steps(); ++i) {
    const bool last = i + 1 == schedule.steps();
    levels.ends.push_back(last ? table.sigma(0) : schedule.sigma[i + 1]);
    // In float32, as Diffusers: 0.7 * 120 is less than 84 in float64.
    const double low = last ? 0 : std::floor(static_cast<float>(1 - gamma) * static_cast<float>(schedule.t[i + 1]));
    levels.low.push_back(gamma == 0 ? levels.ends.back() : std::min(levels.ends.back(), table.sigma(low)));
  }
  return levels;
}

std::unique_ptr<Sampler> make_tcd(const Schedule& schedule, TcdLevels levels) {
  return std::make_unique<Tcd>(schedule, std::move(levels));
}

}  // namespace corepulse::sampler
