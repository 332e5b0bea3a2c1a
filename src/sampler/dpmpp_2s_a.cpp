// DPM-Solver++(2S) with ancestral noise (k-diffusion's sample_dpmpp_2s_ancestral): a step to the middle in log sigma,
// then the whole step towards the estimate made there.
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Dpmpp2sAncestral final : public Sampler {
 public:
  Dpmpp2sAncestral(const Schedule& schedule, double eta) : schedule_(schedule), eta_(eta) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction& noise) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i];
    const auto [down, up] = ancestral(sigma, schedule_.sigma[i + 1], eta_);
    if (has_second_evaluation(schedule_, i)) {
      const auto middle = second_evaluation(schedule_, i);
      denoised_ = denoise(keep_noise(middle.sigma / sigma, x, *denoised_), middle);
    }
    return add_noise(keep_noise(down / sigma, x, *denoised_), up, noise, way(schedule_, i));
  }

 private:
  Schedule schedule_;
  double eta_;
};

}  // namespace

std::unique_ptr<Sampler> make_dpmpp_2s_a(const Schedule& schedule, double eta) {
  return std::make_unique<Dpmpp2sAncestral>(schedule, eta);
}

}  // namespace corepulse::sampler
