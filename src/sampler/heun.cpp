// Heun: an Euler step, the slope again at its end, then the step with the mean slope; HeunDiscreteScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Heun final : public Sampler {
 public:
  Heun(const Schedule& schedule, double clip) : schedule_(schedule), clip_(clip) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = clipped(denoise(x, first_evaluation(schedule_, i)), clip_);
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    const auto euler = keep_noise(next / sigma, x, *denoised_);
    if (!has_second_evaluation(schedule_, i)) return euler;
    const auto slope = times(1 / sigma, x - *denoised_);
    denoised_ = clipped(denoise(euler, second_evaluation(schedule_, i)), clip_);
    const auto end_slope = times(1 / next, euler - *denoised_);
    return x + times((next - sigma) / 2, slope + end_slope);
  }

 private:
  Schedule schedule_;
  double clip_;
};

}  // namespace

std::unique_ptr<Sampler> make_heun(const Schedule& schedule, double clip) {
  return std::make_unique<Heun>(schedule, clip);
}

}  // namespace corepulse::sampler
