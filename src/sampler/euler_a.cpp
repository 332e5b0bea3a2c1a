// Euler ancestral: an Euler step below the target, then fresh noise up to it; EulerAncestralDiscreteScheduler.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class EulerAncestral final : public Sampler {
 public:
  EulerAncestral(const Schedule& schedule, double eta) : schedule_(schedule), eta_(eta) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i];
    const auto [down, up] = ancestral(sigma, schedule_.sigma[i + 1], eta_);
    return add_noise(keep_noise(down / sigma, x, *denoised_), up, noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double eta_;
};

}  // namespace

std::unique_ptr<Sampler> make_euler_a(const Schedule& schedule, double eta) {
  return std::make_unique<EulerAncestral>(schedule, eta);
}

}  // namespace corepulse::sampler
