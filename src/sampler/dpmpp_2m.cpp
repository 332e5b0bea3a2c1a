// DPM-Solver++ (Lu et al. 2022), multistep of order 1 to 3, and its SDE form; 2M, the midpoint type of order 2, is what
// names mean; dpmpp_3m_sde is the SDE form of order 3. DPMSolverMultistepScheduler with algorithm_type dpmsolver++ and
// sde-dpmsolver++.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Dpmpp2m final : public Sampler {
 public:
  Dpmpp2m(const Schedule& schedule, double eta, const SolverOptions& solver)
      : schedule_(schedule), eta_(eta), solver_(solver) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    before_last_ = last_;
    last_ = denoised_;
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double next = schedule_.sigma[i + 1];
    if (next == 0) return *denoised_;
    const double h = log_step(schedule_, i);
    const double share = std::exp(-(1 + eta_) * h);
    const double fresh = next * std::sqrt(-std::expm1(-2 * eta_ * h));
    return add_noise(keep_noise(share, x, extrapolated(i)), fresh, noise, way(schedule_, i));
  }

 private:
  int order(int i) const {
    constexpr int kFewSteps = 15;  // Diffusers', which counts those left out, too
    const bool eased = solver_.lower_order_final && schedule_.steps() + schedule_.skipped < kFewSteps;
    return std::min({solver_.order, eased ? schedule_.steps() - i : 3, before_last_ ? 3 : last_ ? 2 : 1});
  }

  // The last estimates of x0 continued into this step, in log sigma.
  mx::array extrapolated(int i) const {
    if (order(i) == 1) return *denoised_;
    const double h = log_step(schedule_, i), decay = (1 + eta_) * h;
    const double r0 = log_step(schedule_, i - 1) / h;
    const double growth = std::expm1(-decay);
    const double phi_1 = -(growth / decay + 1) / growth, phi_2 = ((growth / decay + 1) / decay - 0.5) / growth;
    const auto slope = times(1 / r0, *denoised_ - *last_);
    if (order(i) == 2) return *denoised_ + times(solver_.heun ? phi_1 : 0.5, slope);
    const double r1 = log_step(schedule_, i - 2) / h;
    const auto bend = times(1 / (r0 + r1), slope - times(1 / r1, *last_ - *before_last_));
    return *denoised_ + times(phi_1, slope + times(r0, bend)) + times(phi_2, bend);
  }

  Schedule schedule_;
  double eta_;
  SolverOptions solver_;
  std::optional<mx::array> last_, before_last_;  // estimates of x0, one and two steps ago
};

}  // namespace

std::unique_ptr<Sampler> make_dpmpp_2m(const Schedule& schedule, double eta, const SolverOptions& solver) {
  return std::make_unique<Dpmpp2m>(schedule, eta, solver);
}

}  // namespace corepulse::sampler
