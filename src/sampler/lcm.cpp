// LCM (Luo et al. 2023): every step jumps to the model's estimate and adds fresh noise; Diffusers' LCMScheduler.
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Lcm final : public Sampler {
 public:
  Lcm(const Schedule& schedule, double scaling, double clip) : schedule_(schedule), scaling_(scaling), clip_(clip) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    const auto now = first_evaluation(schedule_, i);
    // The boundary condition of the distillation: at t = 0 the model is the identity.
    constexpr double kSigmaData = 0.5;
    const double t = scaling_ * now.t;
    const double length = std::sqrt(t * t + kSigmaData * kSigmaData);
    const double skip = kSigmaData * kSigmaData / (length * length), out = t / length;
    const double own_share = skip / std::sqrt(1 + now.sigma * now.sigma);
    denoised_ = times(out, clipped(denoise(x, now), clip_)) + times(own_share, x);
    return add_noise(*denoised_, schedule_.sigma[i + 1], noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double scaling_, clip_;
};

}  // namespace

std::unique_ptr<Sampler> make_lcm(const Schedule& schedule, double scaling, double clip) {
  return std::make_unique<Lcm>(schedule, scaling, clip);
}

}  // namespace corepulse::sampler
