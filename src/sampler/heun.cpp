// Heun: an Euler step, the slope again at its end, then the step with the mean slope; HeunDiscreteScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Heun final : public Sampler {
 public:
  explicit Heun(const Schedule& schedule) : schedule_(schedule) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    const auto euler = keep_noise(next / sigma, x, *denoised_);
    if (!has_second_evaluation(schedule_, i)) return euler;
    const auto slope = times(1 / sigma, x - *denoised_);
    denoised_ = denoise(euler, second_evaluation(schedule_, i));
    const auto end_slope = times(1 / next, euler - *denoised_);
    return x + times((next - sigma) / 2, slope + end_slope);
  }

 private:
  Schedule schedule_;
};

}  // namespace

std::unique_ptr<Sampler> make_heun(const Schedule& schedule) {
  return std::make_unique<Heun>(schedule);
}

}  // namespace corepulse::sampler
