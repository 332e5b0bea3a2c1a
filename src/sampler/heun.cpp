// Heun: an Euler step, the slope again at its end, then the step with the mean slope; HeunDiscreteScheduler. Restart
// (Xu et al. 2023): the same, where some steps are followed by fresh noise that takes x up to an earlier level.
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Heun final : public Sampler {
 public:
  Heun(const Schedule& schedule, double clip) : schedule_(schedule), clip_(clip) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    const auto ended = solved(i, x, denoise);
    const double end = end_of(schedule_, i), next = schedule_.sigma[i + 1];
    return next > end ? add_noise(ended, std::sqrt(next * next - end * end), noise, {next, end}) : ended;
  }

 private:
  mx::array solved(int i, const mx::array& x, const Denoiser& denoise) {
    denoised_ = clipped(denoise(x, first_evaluation(schedule_, i)), clip_);
    const double sigma = schedule_.sigma[i], end = end_of(schedule_, i);
    const auto euler = keep_noise(end / sigma, x, *denoised_);
    if (!has_second_evaluation(schedule_, i)) return euler;
    const auto slope = times(1 / sigma, x - *denoised_);
    denoised_ = clipped(denoise(euler, second_evaluation(schedule_, i)), clip_);
    const auto end_slope = times(1 / end, euler - *denoised_);
    return x + times((end - sigma) / 2, slope + end_slope);
  }

  Schedule schedule_;
  double clip_;
};

}  // namespace

std::unique_ptr<Sampler> make_heun(const Schedule& schedule, double clip) {
  return std::make_unique<Heun>(schedule, clip);
}

}  // namespace corepulse::sampler
