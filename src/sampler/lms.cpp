// Linear multistep: the last four slopes, continued as a polynomial in sigma and integrated over the step;
// LMSDiscreteScheduler.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Lms final : public Sampler {
 public:
  Lms(const Schedule& schedule, bool plain_end) : schedule_(schedule), plain_end_(plain_end) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    slopes_.insert(slopes_.begin(), times(1 / schedule_.sigma[i], x - *denoised_));
    slopes_.resize(std::min(slopes_.size(), size_t{4}), x);
    if (plain_end_ && schedule_.sigma[i + 1] == 0) return *denoised_;
    auto next = x;
    for (size_t k = 0; k < slopes_.size(); ++k) next = next + times(integral(i, k), slopes_[k]);
    return next;
  }

 private:
  // Of the polynomial that is 1 at the level of slope k and 0 at those of the others, over step i: a cubic at most,
  // for which two points are exact (Gauss).
  double integral(int i, size_t k) const {
    const double from = schedule_.sigma[i], to = schedule_.sigma[i + 1];
    const double middle = (from + to) / 2, reach = (to - from) / 2;
    return reach * (basis(i, k, middle - reach / std::sqrt(3.0)) + basis(i, k, middle + reach / std::sqrt(3.0)));
  }

  double basis(int i, size_t k, double sigma) const {
    const auto level = [&](size_t j) { return schedule_.sigma[static_cast<size_t>(i) - j]; };
    double product = 1;
    for (size_t j = 0; j < slopes_.size(); ++j)
      if (j != k) product *= (sigma - level(j)) / (level(k) - level(j));
    return product;
  }

  Schedule schedule_;
  bool plain_end_;
  std::vector<mx::array> slopes_;  // the last one first
};

}  // namespace

std::unique_ptr<Sampler> make_lms(const Schedule& schedule, bool plain_end) {
  return std::make_unique<Lms>(schedule, plain_end);
}

}  // namespace corepulse::sampler
