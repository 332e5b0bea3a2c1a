// DPM-Solver++ SDE (k-diffusion's sample_dpmpp_sde, r = 1/2): a step to the middle in log sigma, then the whole step
// with the estimate made there; DPMSolverSDEScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class DpmppSde final : public Sampler {
 public:
  DpmppSde(const Schedule& schedule, double eta) : schedule_(schedule), eta_(eta) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    if (!has_second_evaluation(schedule_, i)) return *denoised_;
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    const auto middle = second_evaluation(schedule_, i);
    const auto half = ancestral(sigma, middle.sigma, eta_);
    const auto full = ancestral(sigma, next, eta_);
    if (half.up == 0) {
      denoised_ = denoise(keep_noise(half.down / sigma, x, *denoised_), middle);
      return keep_noise(full.down / sigma, x, *denoised_);
    }
    const auto first = noise({sigma, middle.sigma});
    denoised_ = denoise(keep_noise(half.down / sigma, x, *denoised_) + times(half.up, first), middle);
    return add_noise(keep_noise(full.down / sigma, x, *denoised_), full.up, noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double eta_;
};

}  // namespace

std::unique_ptr<Sampler> make_dpmpp_sde(const Schedule& schedule, double eta) {
  return std::make_unique<DpmppSde>(schedule, eta);
}

}  // namespace corepulse::sampler
