#include "sampler/step.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::sampler {

mx::array times(double c, const mx::array& x) {
  return like(static_cast<float>(c), x) * x;
}

mx::array keep_noise(double share, const mx::array& x, const mx::array& denoised) {
  return share == 0 ? denoised : denoised + times(share, x - denoised);
}

mx::array clipped(const mx::array& x, double limit) {
  if (std::isinf(limit)) return x;
  const auto most = like(static_cast<float>(limit), x);
  return mx::clip(x, -most, most);
}

mx::array add_noise(const mx::array& x, double level, const NoiseFunction& noise) {
  return level == 0 ? x : x + times(level, noise());
}

Ancestral ancestral(double from, double to, double eta) {
  const double full = to * std::sqrt(std::max(0.0, 1 - (to * to) / (from * from)));
  const double up = std::min(to, eta * full);
  return {std::sqrt(std::max(0.0, to * to - up * up)), up};
}

double log_step(const Schedule& schedule, int i) {
  return std::log(schedule.sigma[i] / schedule.sigma[i + 1]);
}

Evaluation first_evaluation(const Schedule& schedule, int i) {
  if (i < 0 || i >= schedule.steps())
    fail(ErrorCode::internal, "sampler", fmt::format("step {}; the schedule has {}", i, schedule.steps()));
  return {i, schedule.t[i], schedule.sigma[i], true};
}

Evaluation second_evaluation(const Schedule& schedule, int i) {
  return {i, schedule.second_t[i], schedule.second_sigma[i], false};
}

bool has_second_evaluation(const Schedule& schedule, int i) {
  return !schedule.second_sigma.empty() && schedule.second_sigma[i] > 0;
}

}  // namespace corepulse::sampler
