// DDPM (Ho et al. 2020, formula 7, with the smaller of the two variances) between the levels of the schedule;
// DDPMScheduler. In sigma coordinates it is Euler ancestral with eta 1, where nothing is clipped.
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Ddpm final : public Sampler {
 public:
  Ddpm(const Schedule& schedule, double clip) : schedule_(schedule), clip_(clip) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = clipped(denoise(x, first_evaluation(schedule_, i)), clip_);
    const double next = schedule_.sigma[i + 1];
    const double kept = std::pow(next / schedule_.sigma[i], 2);
    return add_noise(keep_noise(kept, x, *denoised_), next * std::sqrt(1 - kept), noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double clip_;
};

}  // namespace

std::unique_ptr<Sampler> make_ddpm(const Schedule& schedule, double clip) {
  return std::make_unique<Ddpm>(schedule, clip);
}

}  // namespace corepulse::sampler
