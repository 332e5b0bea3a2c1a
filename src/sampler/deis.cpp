// DEIS (Zhang and Chen 2022), multistep of order 1 to 3: the last predictions of noise, continued as a polynomial and
// integrated over sigma. The polynomial is one in log sigma, as DEISMultistepScheduler's, or tabulated in the time of a
// variance-preserving process, as ComfyUI's sample_deis.
#include <algorithm>
#include <cmath>

#include "sampler/samplers.h"
#include "sampler/schedule/levels.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

/** Linear betas whose levels go from 0.002 at time 0.001 to 80 at time 1, those of EDM: ComfyUI's for any model. */
struct DeisTime {
  DeisTime() {
    const double least = std::log(0.002 * 0.002 + 1), most = std::log(80.0 * 80 + 1), epsilon = 0.001;
    slope = 2 * (least / epsilon - most) / (epsilon - 1);
    start = most - slope / 2;
  }
  double of(double sigma) const {
    return (std::sqrt(start * start + 2 * slope * std::log(sigma * sigma + 1)) - start) / slope;
  }
  /** d sigma / d time. */
  double speed(double time) const {
    const double alpha = std::exp(-time * (slope * time / 2 + start));
    return (slope * time + start) / (2 * std::sqrt(alpha * (1 - alpha)));
  }
  double slope, start;
};

class Deis final : public Sampler {
 public:
  Deis(const Schedule& schedule, double end, const SolverOptions& solver, bool tabulated)
      : schedule_(schedule), end_(end), solver_(solver), tabulated_(tabulated) {
    if (tabulated) solver_.order = 3, solver_.lower_order_final = false;
  }

  mx::array step(int i, const mx::array& x, const Denoiser& denoise, const NoiseFunction&) override {
    denoised_ = denoise(x, first_evaluation(schedule_, i));
    slopes_.insert(slopes_.begin(), times(1 / schedule_.sigma[i], x - *denoised_));
    slopes_.resize(std::min(slopes_.size(), size_t{3}), x);
    const bool last = i + 1 == schedule_.steps();
    const double to = last ? end_ : schedule_.sigma[i + 1];
    if (to == 0) return *denoised_;
    auto next = x;
    const int n = order(i);
    const auto weights = tabulated_ && n > 1 ? tabulated(i, n, to) : in_log_sigma(i, n, to);
    for (size_t k = 0; k < weights.size(); ++k) next = next + times(weights[k], slopes_[k]);
    // Where it ends above 0 the decoder takes that level for 0.
    return last ? times(1 / std::sqrt(1 + to * to), next) : next;
  }

 private:
  int order(int i) const {
    constexpr int kFewSteps = 15;  // Diffusers', which counts those left out, too
    const bool eased = solver_.lower_order_final && schedule_.steps() + schedule_.skipped < kFewSteps;
    return std::min({solver_.order, eased ? schedule_.steps() - i : 3, static_cast<int>(slopes_.size())});
  }

  std::vector<double> in_log_sigma(int i, int n, double to) const {
    std::vector<double> weights;
    for (int k = 0; k < n; ++k) weights.push_back(weight(i, k, n, to));
    return weights;
  }

  // The integrals of the n polynomials in time, by ComfyUI's sum of 10,000 values from end to end.
  std::vector<double> tabulated(int i, int n, double to) const {
    constexpr int kValues = 10'000;
    const DeisTime time;
    std::vector<double> past, weights(static_cast<size_t>(n), 0);
    for (int k = 0; k < n; ++k) past.push_back(time.of(schedule_.sigma[i - k]));
    const double from = past[0], way = time.of(to) - from;
    for (int v = 0; v < kValues; ++v) {
      const double at = from + way * v / (kValues - 1), speed = time.speed(at) * way / kValues;
      for (int k = 0; k < n; ++k) weights[static_cast<size_t>(k)] += speed * lagrange(past, k, at);
    }
    return weights;
  }

  static double lagrange(const std::vector<double>& places, int k, double at) {
    double value = 1;
    const double own = places[static_cast<size_t>(k)];
    for (const double place : places)
      if (place != own) value *= (at - place) / (own - place);
    return value;
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
  bool tabulated_;
  std::vector<mx::array> slopes_;  // the last one first
};

}  // namespace

double deis_end(const Schedule& schedule, const Training& training, const SamplingOptions& options) {
  if (options.compat != Compat::diffusers || training.edm || listed(options)) return 0;
  const SigmaTable table(training, options.compat);
  // Diffusers ends a curve where its last call was made, and a spacing at timestep 0.
  return is_spacing(resolved_schedule(options)) ? table.min() : schedule.sigma[schedule.sigma.size() - 2];
}

std::unique_ptr<Sampler> make_deis(const Schedule& schedule, double end, const SolverOptions& solver, bool tabulated) {
  return std::make_unique<Deis>(schedule, end, solver, tabulated);
}

}  // namespace corepulse::sampler
