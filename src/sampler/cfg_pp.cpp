// CFG++ (Chung et al. 2024): a step goes to the guided estimate, and back from it along the noise that the negative
// prompt's prediction sees; ComfyUI's euler_cfg_pp and dpmpp_2m_cfg_pp.
#include <utility>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class CfgPp final : public Sampler {
 public:
  CfgPp(const Schedule& schedule, bool second_order) : schedule_(schedule), second_order_(second_order) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    std::optional<mx::array> negative;
    auto now = first_evaluation(schedule_, i);
    now.negative = &negative;
    denoised_ = denoise(x, now);
    if (!negative) negative = denoised_;  // without guidance they are one
    const double next = schedule_.sigma[i + 1];
    const auto last = std::exchange(last_negative_, negative);
    if (next == 0) return *denoised_;
    const double share = next / now.sigma;
    const auto euler = *denoised_ + times(share, x - *negative);
    if (!second_order_ || !last) return euler;
    const double r = log_step(schedule_, i - 1) / log_step(schedule_, i);
    return euler + times((1 - share) / (2 * r), *denoised_ - *last);
  }

 private:
  Schedule schedule_;
  bool second_order_;
  std::optional<mx::array> last_negative_;
};

}  // namespace

std::unique_ptr<Sampler> make_cfg_pp(const Schedule& schedule, bool second_order) {
  return std::make_unique<CfgPp>(schedule, second_order);
}

}  // namespace corepulse::sampler
