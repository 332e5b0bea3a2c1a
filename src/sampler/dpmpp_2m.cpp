// DPM-Solver++(2M) (Lu et al. 2022) and its SDE form, midpoint type; DPMSolverMultistepScheduler with algorithm_type
// dpmsolver++ and sde-dpmsolver++, solver_order 2.
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Dpmpp2m final : public Sampler {
 public:
  Dpmpp2m(const Schedule& schedule, double eta) : schedule_(schedule), eta_(eta) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    const auto before = denoised_;
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    if (next == 0) return *denoised_;
    const double h = std::log(sigma / next);
    const double share = std::exp(-(1 + eta_) * h);
    const double fresh = next * std::sqrt(-std::expm1(-2 * eta_ * h));
    return add_noise(keep_noise(share, x, extrapolated(before, i, h)), fresh, noise);
  }

 private:
  // The last two estimates of x0 continued to the middle of this step, in log sigma.
  mx::array extrapolated(const std::optional<mx::array>& before, int i, double h) const {
    if (!before) return *denoised_;
    const double last_h = std::log(schedule_.sigma[i - 1] / schedule_.sigma[i]);
    return *denoised_ + times(h / (2 * last_h), *denoised_ - *before);
  }

  Schedule schedule_;
  double eta_;
};

}  // namespace

std::unique_ptr<Sampler> make_dpmpp_2m(const Schedule& schedule, double eta) {
  return std::make_unique<Dpmpp2m>(schedule, eta);
}

}  // namespace corepulse::sampler
