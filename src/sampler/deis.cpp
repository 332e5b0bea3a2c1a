// DEIS (Zhang and Chen 2022), multistep in log rho of order 1 to 3: the last predictions of noise, continued as a
// polynomial in log sigma and integrated over sigma; DEISMultistepScheduler.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/schedule/levels.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

class Deis final : public Sampler {
 public:
  Deis(const Schedule& schedule, double end, const SolverOptions& solver)
      : schedule_(schedule), end_(end), solver_(solver) {}

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    slopes_.insert(slopes_.begin(), times(1 / schedule_.sigma[i], x - *denoised_));
    slopes_.resize(std::min(slopes_.size(), size_t{3}), x);
    const bool last = i + 1 == schedule_.steps();
    const double to = last ? end_ : schedule_.sigma[i + 1];
    if (to == 0) return *denoised_;
    auto next = x;
    const int n = order(i);
    for (int k = 0; k < n; ++k) next = next + times(weight(i, k, n, to), slopes_[static_cast<size_t>(k)]);
    // Where it ends above 0 the decoder takes that level for 0.
    return last ? times(1 / std::sqrt(1 + to * to), next) : next;
  }

 private:
  int order(int i) const {
    constexpr int kFewSteps = 15;  // Diffusers', which counts those left out, too
    const bool eased = solver_.lower_order_final && schedule_.steps() + schedule_.skipped < kFewSteps;
    return std::min({solver_.order, eased ? schedule_.steps() - i : 3, static_cast<int>(slopes_.size())});
  }

  // The integral of the polynomial in log sigma that is 1 at the level of slope k and 0 at those of the other n - 1.
  double weight(int i, int k, int n, double to) const {
    std::vector<double> others;
    double scale = 1;
    const double own = std::log(schedule_.sigma[i - k]);
    for (int j = 0; j < n; ++j) {
      if (j == k) continue;
      others.push_back(std::log(schedule_.sigma[i - j]));
      scale *= own - others.back();
    }
    return (antiderivative(to, others) - antiderivative(schedule_.sigma[i], others)) / scale;
  }

  // Of the product of (log sigma - c) over all c, of which there are two at most.
  static double antiderivative(double sigma, const std::vector<double>& c) {
    if (c.empty()) return sigma;
    const double l = std::log(sigma);
    if (c.size() == 1) return sigma * (l - 1 - c[0]);
    return sigma * (l * l - 2 * l + 2 - (c[0] + c[1]) * (l - 1) + c[0] * c[1]);
  }

  Schedule schedule_;
  double end_;
  SolverOptions solver_;
  std::vector<mx::array> slopes_;  // the last one first
};

}  // namespace

double deis_end(const Schedule& schedule, const Training& training, const SamplingOptions& options) {
  if (options.compat != Compat::diffusers || training.edm || listed(options)) return 0;
  const SigmaTable table(training, options.compat);
  // Diffusers ends a curve where its last call was made, and a spacing at timestep 0.
  return is_spacing(resolved_schedule(options)) ? table.min() : schedule.sigma[schedule.sigma.size() - 2];
}

std::unique_ptr<Sampler> make_deis(const Schedule& schedule, double end, const SolverOptions& solver) {
  return std::make_unique<Deis>(schedule, end, solver);
}

}  // namespace corepulse::sampler
