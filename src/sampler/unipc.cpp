// UniPC (Zhao et al. 2023) of order 1 to 3, predicting x0: each new estimate first corrects the step that led to it,
// then predicts the next; UniPCMultistepScheduler.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

// The w of sum_k w_k r_k^i = b_i, for every i from 0 (Golub and Van Loan, Matrix Computations, 4.6.2).
std::vector<double> vandermonde(const std::vector<double>& r, std::vector<double> b) {
  const int n = static_cast<int>(r.size());
  for (int k = 0; k + 1 < n; ++k)
    for (int i = n - 1; i > k; --i) b[i] -= r[k] * b[i - 1];
  for (int k = n - 2; k >= 0; --k) {
    for (int i = k + 1; i < n; ++i) b[i] /= r[i] - r[i - k - 1];
    for (int i = k; i + 1 < n; ++i) b[i] -= b[i + 1];
  }
  return b;
}

class UniPc final : public Sampler {
 public:
  UniPc(const Schedule& schedule, const SolverOptions& solver) : schedule_(schedule), solver_(solver) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    const auto now = denoise(x, first_evaluation(schedule_, i));
    const bool correct = start_ && std::ranges::count(solver_.uncorrected, i - 1 + schedule_.skipped) == 0;
    const auto sample = correct ? keep_noise(share(i - 1), *start_, estimate(i - 1, now)) : x;
    estimates_.insert(estimates_.begin(), now);
    estimates_.resize(std::min(estimates_.size(), size_t{3}), now);
    denoised_ = now;
    start_ = sample;
    order_ = order(i);
    return keep_noise(share(i), sample, estimate(i, {}));
  }

 private:
  double share(int i) const { return schedule_.sigma[i + 1] / schedule_.sigma[i]; }

  int order(int i) const {
    if (schedule_.sigma[i + 1] == 0) return 1;
    const int left = solver_.lower_order_final ? schedule_.steps() - i : 3;
    return std::min({solver_.order, left, static_cast<int>(estimates_.size())});
  }

  // The x0 that step i goes towards, from the estimates before it and, to correct it, from the one at its end.
  mx::array estimate(int i, const std::optional<mx::array>& end) const {
    const auto& first = estimates_.front();
    if (order_ == 1) return end ? first + times(0.5 * scale(i), *end - first) : first;
    std::vector<double> places;
    std::vector<mx::array> slopes;
    for (int k = 1; k < order_; ++k) {
      places.push_back(std::log(schedule_.sigma[i] / schedule_.sigma[i - k]) / log_step(schedule_, i));
      slopes.push_back(times(1 / places.back(), estimates_[k] - first));
    }
    if (end) {
      places.push_back(1);
      slopes.push_back(*end - first);
    }
    // Diffusers, as the authors: the only weight of an order 2 prediction is the one of h = 0.
    const auto weights = places.size() == 1 ? std::vector{0.5} : vandermonde(places, moments(i, places.size()));
    auto sum = first;
    for (size_t k = 0; k < slopes.size(); ++k) sum = sum + times(scale(i) * weights[k], slopes[k]);
    return sum;
  }

  // B(h) over the growth e^-h - 1: 1 for B2(h) = e^-h - 1.
  double scale(int i) const {
    const double h = log_step(schedule_, i);
    return solver_.bh1 ? -h / std::expm1(-h) : 1;
  }

  // What the weights must add up to, from the phi functions of -h (Zhao et al., eq. 8 and 9).
  std::vector<double> moments(int i, size_t count) const {
    const double h = log_step(schedule_, i), growth = std::expm1(-h);
    double phi = growth / -h - 1, factorial = 1;
    std::vector<double> b;
    for (size_t n = 1; n <= count; ++n) {
      b.push_back(phi * factorial / (growth * scale(i)));
      factorial *= static_cast<double>(n + 1);
      phi = phi / -h - 1 / factorial;
    }
    return b;
  }

  Schedule schedule_;
  SolverOptions solver_;
  std::optional<mx::array> start_;    // x, corrected, of the last step
  std::vector<mx::array> estimates_;  // of x0, the last one first
  int order_ = 1;                     // of the last prediction
};

}  // namespace

std::unique_ptr<Sampler> make_unipc(const Schedule& schedule, const SolverOptions& solver) {
  return std::make_unique<UniPc>(schedule, solver);
}

}  // namespace corepulse::sampler
