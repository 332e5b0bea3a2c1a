// DPM-Solver-2 (Lu et al. 2022) as Karras et al. use it: an Euler step to the middle in log sigma, then the whole step
// with the slope found there; KDPM2DiscreteScheduler, and with fresh noise KDPM2AncestralDiscreteScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Dpm2 final : public Sampler {
 public:
  Dpm2(const Schedule& schedule, double eta) : schedule_(schedule), eta_(eta) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i];
    const auto [down, up] = ancestral(sigma, schedule_.sigma[i + 1], eta_);
    if (!has_second_evaluation(schedule_, i)) return keep_noise(down / sigma, x, *denoised_);
    const auto middle = second_evaluation(schedule_, i);
    const auto half = keep_noise(middle.sigma / sigma, x, *denoised_);
    denoised_ = denoise(half, middle);
    const auto slope = times(1 / middle.sigma, half - *denoised_);
    return add_noise(x + times(down - sigma, slope), up, noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double eta_;
};

}  // namespace

std::unique_ptr<Sampler> make_dpm_2(const Schedule& schedule, double eta) {
  return std::make_unique<Dpm2>(schedule, eta);
}

}  // namespace corepulse::sampler
