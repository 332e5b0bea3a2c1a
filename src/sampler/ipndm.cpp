// iPNDM (Zhang and Chen 2022): the last four slopes by Adams and Bashforth's weights, as if steps were even in sigma;
// ComfyUI's ipndm.
#include <algorithm>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Ipndm final : public Sampler {
 public:
  explicit Ipndm(const Schedule& schedule) : schedule_(schedule) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    const double sigma = schedule_.sigma[i], next = schedule_.sigma[i + 1];
    slopes_.insert(slopes_.begin(), times(1 / sigma, x - *denoised_));
    slopes_.resize(std::min(slopes_.size(), size_t{4}), x);
    return next == 0 ? *denoised_ : x + times(next - sigma, adams_bashforth(slopes_));
  }

 private:
  Schedule schedule_;
  std::vector<mx::array> slopes_;  // the last one first
};

}  // namespace

std::unique_ptr<Sampler> make_ipndm(const Schedule& schedule) {
  return std::make_unique<Ipndm>(schedule);
}

}  // namespace corepulse::sampler
