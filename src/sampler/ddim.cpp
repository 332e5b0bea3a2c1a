// DDIM (Song et al. 2020, formulas 12 and 16) in sigma coordinates; Diffusers' DDIMScheduler. With eta 0, and each step
// aiming at the next step's level, it is Euler.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/schedule/levels.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

double abar(double sigma) {
  return 1 / (1 + sigma * sigma);
}

class Ddim final : public Sampler {
 public:
  Ddim(const Schedule& schedule, std::vector<double> ends, double eta, double clip)
      : schedule_(schedule), ends_(std::move(ends)), eta_(eta), clip_(clip) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    const auto estimate = denoise(x, first_evaluation(schedule_, i));
    denoised_ = clipped(estimate, clip_);
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    const double a = abar(sigma), a_end = abar(ends_[i]);
    const double spread = eta_ * std::sqrt((1 - a_end) / (1 - a) * std::max(0.0, 1 - a / a_end));
    const double direction = std::sqrt(std::max(0.0, 1 - a_end - spread * spread));
    // Diffusers' result stands in variance-preserving coordinates and is next read as standing at sigma `next`.
    const double scale = std::sqrt(1 + next * next);
    const auto clean = times(scale * std::sqrt(a_end), *denoised_);
    return add_noise(clean + times(scale * direction / sigma, x - estimate), scale * spread, noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  std::vector<double> ends_;
  double eta_, clip_;
};

}  // namespace

std::vector<double> ddim_ends(const Schedule& schedule, const Training& training, const SamplingOptions& options) {
  const SigmaTable table(training, options.compat);
  const auto kind = resolved_schedule(options);
  std::vector<double> ends(schedule.sigma.begin() + 1, schedule.sigma.end());
  if (training.edm || listed(options)) return ends;
  if (options.compat == Compat::diffusers && is_spacing(kind)) {
    // Diffusers goes T / n timesteps back even where the spacing's own gaps are others.
    const int stride = table.size() / options.steps;
    for (size_t i = 0; i < ends.size(); ++i) {
      const double t = schedule.t[i] - stride;
      ends[i] = t >= 0 ? table.sigma(t) : options.set_alpha_to_one ? 0 : table.min();
    }
  } else if (options.compat == Compat::a1111 && kind == ScheduleKind::leading) {
    ends.back() = table.min();
  }
  return ends;
}

std::unique_ptr<Sampler> make_ddim(const Schedule& schedule, std::vector<double> ends, double eta, double clip) {
  return std::make_unique<Ddim>(schedule, std::move(ends), eta, clip);
}

}  // namespace corepulse::sampler
