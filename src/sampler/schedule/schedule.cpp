// A run's noise levels: checked, with the first latent's scale and the levels of second model calls.
#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "sampler/sampler.h"
#include "sampler/schedule/levels.h"
#include "sampler/schedule/restarts.h"
#include "sampler/schedule/sigma_table.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

void check(const SamplingOptions& o) {
  const auto refuse = [](const std::string& message) { fail(ErrorCode::invalid_request, "sampler", message); };
  if (o.steps < 1 || o.steps > 1000) refuse(fmt::format("steps {}; expected 1..1000", o.steps));
  if (!(o.eta >= 0 && o.eta <= 1)) refuse(fmt::format("eta {}; expected 0..1", o.eta));
  if (!is_spacing(o.model_spacing))
    refuse(fmt::format("model spacing {}; expected linspace, leading or trailing", name(o.model_spacing)));
}

constexpr size_t kMostLevels = 1000;

void check_list(const char* field, const std::vector<double>& list, double least, double most) {
  const auto refuse = [&](const std::string& message) { fail(ErrorCode::invalid_request, field, message); };
  if (list.size() > kMostLevels) refuse(fmt::format("{} numbers; expected 1 to {}", list.size(), kMostLevels));
  for (size_t i = 0; i < list.size(); ++i) {
    if (!(list[i] >= least && list[i] <= most))
      refuse(fmt::format("number {} is {}; expected {} to {}, what this model was trained on", i + 1, list[i], least,
                         most));
    if (i > 0 && list[i] >= list[i - 1])
      refuse(fmt::format("number {} is {} after {}; expected falling numbers", i + 1, list[i], list[i - 1]));
  }
}

/** Sigmas may lie a little outside the table, as those that other tools round do. */
void check_lists(const SigmaTable& table, const SamplingOptions& o) {
  if (!o.timesteps.empty() && !o.sigmas.empty())
    fail(ErrorCode::invalid_request, "sigmas", "timesteps are given, too; expected one of them");
  if (table.continuous() && !o.timesteps.empty())
    fail(ErrorCode::invalid_request, "timesteps", "this model knows noise levels of EDM alone; expected sigmas");
  check_list("timesteps", o.timesteps, 0, table.size() - 1);
  check_list("sigmas", o.sigmas, 1e-4, table.max() * 1.02);
}

void check(const Levels& levels, const SigmaTable& table, const SamplingOptions& o) {
  for (size_t i = 0; i < levels.t.size(); ++i) {
    const double t = levels.t[i], sigma = levels.sigma[i];
    const bool falls = sigma > 0 && (i == 0 || sigma < levels.sigma[i - 1]);
    if (std::isfinite(sigma) && falls && t >= 0 && t < table.size()) continue;
    fail(ErrorCode::invalid_request, "sampler",
         fmt::format("{} steps of {} with schedule {}: step {} (t {}, sigma {}) is no new level of "
                     "this model's {} timesteps; use fewer steps or schedule trailing",
                     o.steps, name(o.sampler), name(resolved_schedule(o)), i, t, sigma, table.size()));
  }
}

// The standard deviation of the first latent: sigma, or with the picture's own variance of 1 added.
double initial_scale(double sigma, const SigmaTable& table, const SamplingOptions& o) {
  const double with_picture = std::sqrt(1 + sigma * sigma);
  switch (o.compat) {
    case Compat::comfy:
      return sigma > table.max() * (1 - 1e-5) ? with_picture : sigma;
    case Compat::a1111:
      return o.sampler == SamplerKind::ddim || o.sampler == SamplerKind::pndm || o.sampler == SamplerKind::unipc
                 ? with_picture
                 : sigma;
    case Compat::diffusers:
      break;
  }
  if (table.continuous()) return with_picture;
  const auto kind = resolved_schedule(o);
  const auto spacing = is_spacing(kind) ? kind : o.model_spacing;
  return variance_preserving(o.sampler) || spacing == ScheduleKind::leading ? with_picture : sigma;
}

bool is_heun(SamplerKind sampler) {
  return sampler == SamplerKind::heun || sampler == SamplerKind::restart;
}

/** Where a step from one level to the next calls the model a second time; 0: nowhere. */
double second_level(double from, double to, const SamplingOptions& o) {
  switch (o.sampler) {
    case SamplerKind::heun:
    case SamplerKind::restart:
    case SamplerKind::pndm:
      return to;
    case SamplerKind::dpmpp_sde:
    case SamplerKind::dpm_2:
      return std::sqrt(from * to);
    case SamplerKind::dpmpp_2s_a:
    case SamplerKind::dpm_2_a:
      return std::sqrt(from * ancestral(from, to, o.eta).down);
    default:
      return 0;
  }
}

void add_second_evaluations(Schedule& schedule, const SigmaTable& table, const SamplingOptions& o) {
  const int n = schedule.steps();
  if (second_level(2, 1, o) == 0) return;
  const bool second_is_next = is_heun(o.sampler) || o.sampler == SamplerKind::pndm;
  schedule.second_at_start = o.sampler == SamplerKind::pndm;
  schedule.second_t.assign(n, 0);
  schedule.second_sigma.assign(n, 0);
  for (int i = 0; i + 1 < n; ++i) {
    const double end = end_of(schedule, i), second = second_level(schedule.sigma[i], end, o);
    schedule.second_sigma[i] = second;
    schedule.second_t[i] = second_is_next && end == schedule.sigma[i + 1] ? schedule.t[i + 1] : table.t(second);
  }
}

/** The first steps. */
void leave_out(Schedule& schedule, int steps) {
  schedule.t.erase(schedule.t.begin(), schedule.t.begin() + steps);
  schedule.sigma.erase(schedule.sigma.begin(), schedule.sigma.begin() + steps);
  schedule.skipped = steps;
}

}  // namespace

Schedule make_schedule(const Training& training, const SamplingOptions& options, std::optional<int> last) {
  check(options);
  if (training.edm && (options.sampler == SamplerKind::lcm || options.sampler == SamplerKind::tcd))
    fail(ErrorCode::invalid_request, "sampler",
         fmt::format("{} is for models that were distilled for its timesteps; this model knows noise levels of EDM "
                     "alone; use euler or dpmpp_2m",
                     name(options.sampler)));
  const SigmaTable table(training, options.compat);
  check_lists(table, options);
  auto levels = noise_levels(table, options);
  check(levels, table, options);
  Schedule schedule;
  schedule.t = std::move(levels.t);
  schedule.sigma = std::move(levels.sigma);
  schedule.noisiest = schedule.sigma.front();
  schedule.initial_scale = initial_scale(schedule.noisiest, table, options);
  if (last) leave_out(schedule, std::max(0, schedule.steps() - std::max(1, *last)));
  schedule.sigma.push_back(0);
  if (options.sampler == SamplerKind::restart) add_restarts(schedule, table, listed(options));
  add_second_evaluations(schedule, table, options);
  return schedule;
}

Schedule behind(Schedule schedule, int steps) {
  if (steps < 0 || steps >= schedule.steps())
    fail(ErrorCode::internal, "sampler", fmt::format("{} of {} steps left out", steps, schedule.steps()));
  for (auto* list : {&schedule.t, &schedule.sigma, &schedule.ends, &schedule.second_t, &schedule.second_sigma})
    if (!list->empty()) list->erase(list->begin(), list->begin() + steps);
  schedule.skipped += steps;
  return schedule;
}

std::vector<Evaluation> evaluations(const Schedule& schedule, const SamplingOptions&) {
  std::vector<Evaluation> result;
  for (int i = 0; i < schedule.steps(); ++i) {
    result.push_back(first_evaluation(schedule, i));
    if (has_second_evaluation(schedule, i)) result.push_back(second_evaluation(schedule, i));
  }
  return result;
}

}  // namespace corepulse::sampler
