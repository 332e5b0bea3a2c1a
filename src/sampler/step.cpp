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

mx::array add_noise(const mx::array& x, double level, const NoiseFunction& noise, Way way) {
  return level == 0 ? x : x + times(level, noise(way));
}

double end_of(const Schedule& schedule, int i) {
  return schedule.ends.empty() ? schedule.sigma[i + 1] : schedule.ends[i];
}

Way way(const Schedule& schedule, int i) {
  return {schedule.sigma[i], schedule.sigma[i + 1]};
}

mx::array adams_bashforth(const std::vector<mx::array>& values) {
  static const std::vector<std::vector<double>> weights = {
      {1}, {3 / 2.0, -1 / 2.0}, {23 / 12.0, -16 / 12.0, 5 / 12.0}, {55 / 24.0, -59 / 24.0, 37 / 24.0, -9 / 24.0}};
  const auto& row = weights.at(values.size() - 1);
  auto sum = times(row[0], values[0]);
  for (size_t k = 1; k < row.size(); ++k) sum = sum + times(row[k], values[k]);
  return sum;
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
  if (schedule.second_at_start && i > 0) return false;
  return !schedule.second_sigma.empty() && schedule.second_sigma[i] > 0;
}

}  // namespace corepulse::sampler
