// Euler (Karras et al. 2022, algorithm 2 without churn); Diffusers' EulerDiscreteScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Euler final : public Sampler {
 public:
  explicit Euler(const Schedule& schedule) : schedule_(schedule) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    return keep_noise(schedule_.sigma[i + 1] / schedule_.sigma[i], x, *denoised_);
  }

 private:
  Schedule schedule_;
};

}  // namespace

std::unique_ptr<Sampler> make_euler(const Schedule& schedule) {
  return std::make_unique<Euler>(schedule);
}

}  // namespace corepulse::sampler
