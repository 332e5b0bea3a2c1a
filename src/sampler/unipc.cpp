// UniPC (Zhao et al. 2023), B2(h) type, order 2, predicting x0: each new estimate first corrects the step that led to
// it, then predicts the next; UniPCMultistepScheduler.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class UniPc final : public Sampler {
 public:
  explicit UniPc(const Schedule& schedule) : schedule_(schedule) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    const auto now = denoise(x, first_evaluation(schedule_, i));
    const auto sample = start_ ? corrected(i, now) : x;
    before_ = denoised_;
    denoised_ = now;
    start_ = sample;
    order_ = before_ && i + 1 < schedule_.steps() ? 2 : 1;
    const double share = schedule_.sigma[i + 1] / schedule_.sigma[i];
    if (order_ == 1) return keep_noise(share, sample, now);
    return keep_noise(share, sample, now + times(0.5, slope(i)));
  }

 private:
  // h of the step from sigma[i] to sigma[i + 1].
  double log_step(int i) const { return std::log(schedule_.sigma[i] / schedule_.sigma[i + 1]); }

  // The change of x0 per step i, from the two estimates before it.
  mx::array slope(int i) const { return times(log_step(i) / log_step(i - 1), *denoised_ - *before_); }

  // Step i - 1 again, with the estimate at its end known.
  mx::array corrected(int i, const mx::array& now) const {
    const double h = log_step(i - 1);
    const auto change = now - *denoised_;
    auto estimate = *denoised_ + times(0.5, change);
    if (order_ == 2) {
      // The two weights solve [1 1; r 1] w = b, b from the phi functions of -h (Zhao et al., eq. 8 and 9).
      const double growth = std::expm1(-h), phi_2 = growth / -h - 1, phi_3 = phi_2 / -h - 0.5;
      const double b1 = phi_2 / growth, b2 = 2 * phi_3 / growth;
      const double r = -log_step(i - 2) / h;
      const double w1 = (b1 - b2) / (1 - r), w2 = b1 - w1;
      estimate = *denoised_ + times(w1, slope(i - 1)) + times(w2, change);
    }
    return keep_noise(schedule_.sigma[i] / schedule_.sigma[i - 1], *start_, estimate);
  }

  Schedule schedule_;
  std::optional<mx::array> start_, before_;  // x, corrected, of the last step; x0 of the one before
  int order_ = 1;
};

}  // namespace

std::unique_ptr<Sampler> make_unipc(const Schedule& schedule) {
  return std::make_unique<UniPc>(schedule);
}

}  // namespace corepulse::sampler
