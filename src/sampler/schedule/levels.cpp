#include "sampler/schedule/levels.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "sampler/schedule/beta_quantile.h"

namespace corepulse::sampler {
namespace {

using Values = std::vector<double>;

// numpy.linspace(from, to, n)[i].
double between(double from, double to, int i, int n) {
  if (i == n - 1 && n > 1) return to;
  return n > 1 ? from + i * ((to - from) / (n - 1)) : from;
}

// Align Your Steps (Sabour et al. 2024), the 10-step levels with the end they were optimised for.
constexpr std::array kAysSd1 = {14.615, 6.475, 3.861, 2.697, 1.886, 1.396, 0.963, 0.652, 0.399, 0.152, 0.029};
constexpr std::array kAysSdxl = {14.615, 6.315, 3.771, 2.181, 1.342, 0.862, 0.555, 0.380, 0.234, 0.113, 0.029};

// The table read at n even places, log-linear in between.
Values align_your_steps(const std::array<double, 11>& table, int n) {
  Values sigmas;
  for (int i = 0; i < n; ++i) {
    const double place = between(0, 10, i, n);
    const int low = std::min(static_cast<int>(place), 9);
    const double w = place - low;
    sigmas.push_back(std::exp((1 - w) * std::log(table[low]) + w * std::log(table[low + 1])));
  }
  return sigmas;
}

bool is_diffusers(const SamplingOptions& o) {
  return o.compat == Compat::diffusers;
}

bool is_any_of(SamplerKind sampler, std::initializer_list<SamplerKind> kinds) {
  return std::ranges::find(kinds, sampler) != kinds.end();
}

// Diffusers' DPM-Solver, UniPC and DEIS spread n + 1 timesteps and drop the last.
bool multistep_rules(const SamplingOptions& o) {
  using enum SamplerKind;
  return is_diffusers(o) && is_any_of(o.sampler, {dpmpp_2m, dpmpp_2m_sde, unipc, deis});
}

bool is_dpm_2(SamplerKind sampler) {
  return sampler == SamplerKind::dpm_2 || sampler == SamplerKind::dpm_2_a;
}

Values linspace(int train, int n, const SamplingOptions& o) {
  const bool multistep = multistep_rules(o);
  using enum SamplerKind;
  const bool whole = multistep || (is_diffusers(o) && is_any_of(o.sampler, {ddim, ddpm, pndm}));
  const int count = multistep ? n + 1 : n;
  Values t;
  for (int i = 0; i < n; ++i) {
    // Diffusers counts up from 0, so that its only step of one is t = 0; k-diffusion counts down.
    const double value =
        is_diffusers(o) ? between(0, train - 1, count - 1 - i, count) : between(train - 1, 0, i, count);
    t.push_back(whole ? std::nearbyint(value) : value);
  }
  return t;
}

Values leading(int train, int n, const SamplingOptions& o) {
  const int extra = multistep_rules(o) ? 1 : 0;
  const double ratio = train / (n + extra);
  const double offset = is_diffusers(o) ? o.steps_offset : 1;
  Values t;
  for (int i = 0; i < n; ++i) t.push_back((n - 1 + extra - i) * ratio + offset);
  return t;
}

Values trailing(int train, int n) {
  // numpy.arange's own arithmetic, so that halves round to the same side.
  const double stride = (train - static_cast<double>(train) / n) - train;
  Values t;
  for (int i = 0; i < n; ++i) t.push_back(std::nearbyint(train + i * stride) - 1);
  return t;
}

Values spaced(ScheduleKind spacing, int train, int n, const SamplingOptions& o) {
  if (spacing == ScheduleKind::linspace) return linspace(train, n, o);
  if (spacing == ScheduleKind::leading) return leading(train, n, o);
  return trailing(train, n);
}

bool own_timesteps(const SamplingOptions& o) {
  return (o.sampler == SamplerKind::lcm || o.sampler == SamplerKind::tcd) && o.schedule == ScheduleKind::model;
}

// The distillation of LCM and TCD visited every 20th of 1000 timesteps, or so: n of those 50.
Values distilled(int train, int n, const SamplingOptions& o) {
  const int original = o.distilled_steps;
  if (n > original)
    fail(ErrorCode::invalid_request, "sampler",
         fmt::format("{} steps of {}; its own schedule has at most {}; name another schedule, "
                     "e.g. sgm_uniform, for more",
                     n, name(o.sampler), original));
  Values t;
  for (int i = 0; i < n; ++i) {
    const int place = static_cast<int>(i * (static_cast<double>(original) / n));
    t.push_back((original - place) * (train / original) - 1);
  }
  return t;
}

Values simple(int train, int n) {
  Values t;
  for (int i = 0; i < n; ++i) t.push_back(train - 1 - static_cast<int>(i * (static_cast<double>(train) / n)));
  return t;
}

Values sgm_uniform(int train, int n) {
  Values t;
  for (int i = 0; i < n; ++i) t.push_back(between(train - 1, 0, i, n + 1));
  return t;
}

// ComfyUI's `beta`: whole timesteps, repeated ones once.
Values beta_timesteps(int train, int n) {
  Values t;
  for (int i = 0; i < n; ++i) {
    const double p = 1 - i * (1.0 / n);
    const double value = std::nearbyint(beta_quantile(p, 0.6) * (train - 1));
    if (t.empty() || value != t.back()) t.push_back(value);
  }
  return t;
}

Values exponential(double max, double min, int n) {
  Values sigmas;
  for (int i = 0; i < n; ++i) sigmas.push_back(std::exp(between(std::log(max), std::log(min), i, n)));
  return sigmas;
}

Values beta_sigmas(double max, double min, int n) {
  Values sigmas;
  for (int i = 0; i < n; ++i) sigmas.push_back(min + beta_quantile(1 - between(0, 1, i, n), 0.6) * (max - min));
  return sigmas;
}

// The timesteps of the schedules that choose by timestep; empty for the curves, which choose by sigma.
Values timesteps(ScheduleKind kind, int train, int n, const SamplingOptions& o) {
  if (own_timesteps(o)) return distilled(train, n, o);
  if (is_spacing(kind)) return spaced(kind, train, n, o);
  if (kind == ScheduleKind::simple) return simple(train, n);
  if (kind == ScheduleKind::sgm_uniform) return sgm_uniform(train, n);
  if (kind == ScheduleKind::beta && o.compat == Compat::comfy) return beta_timesteps(train, n);
  return {};
}

Values curve(ScheduleKind kind, const SigmaTable& table, int n, const SamplingOptions& o) {
  double max = table.max(), min = table.min();
  if (is_diffusers(o) && !variance_preserving(o.sampler) && !table.continuous()) {
    // Diffusers' Euler family bends the curve between the ends of the model's own spacing.
    const auto t = spaced(o.model_spacing, table.size(), n, o);
    max = table.sigma(t.front()), min = table.sigma(t.back());
  }
  if (kind == ScheduleKind::karras) return karras(max, min, n);
  if (kind == ScheduleKind::exponential) return exponential(max, min, n);
  if (kind == ScheduleKind::beta) return beta_sigmas(max, min, n);
  // The last level of the table is where the run ends, i.e. 0; A1111 keeps it and appends the 0.
  auto sigmas = align_your_steps(o.sdxl ? kAysSdxl : kAysSd1, o.compat == Compat::a1111 ? n : n + 1);
  sigmas.resize(n);
  return sigmas;
}

// What the model is told for a sigma that lies between two timesteps.
double curve_timestep(double sigma, ScheduleKind kind, const SigmaTable& table, const SamplingOptions& o) {
  const double t = table.t(sigma);
  if (is_diffusers(o) && is_dpm_2(o.sampler) && kind == ScheduleKind::karras) return std::nearbyint(t);
  if (!multistep_rules(o)) return t;
  // Diffusers' multistep solvers store integers: rounded for karras, cut off for the others.
  const bool cut = kind == ScheduleKind::exponential || kind == ScheduleKind::beta;
  return cut ? std::trunc(t) : std::nearbyint(t);
}

ScheduleKind a1111_automatic(SamplerKind sampler) {
  switch (sampler) {
    case SamplerKind::dpmpp_2m:
    case SamplerKind::dpmpp_sde:
    case SamplerKind::dpmpp_2s_a:
    case SamplerKind::dpm_2:
    case SamplerKind::dpm_2_a:
    case SamplerKind::restart:
      return ScheduleKind::karras;
    case SamplerKind::dpmpp_2m_sde:
    case SamplerKind::dpmpp_3m_sde:
      return ScheduleKind::exponential;
    case SamplerKind::ddim:
    case SamplerKind::pndm:
    case SamplerKind::unipc:
      return ScheduleKind::leading;
    default:
      return ScheduleKind::linspace;
  }
}

Levels levels(const SigmaTable& table, int n, const SamplingOptions& o) {
  const auto kind = resolved_schedule(o);
  Levels result{timesteps(kind, table.size(), n, o), {}};
  if (result.t.empty()) {
    result.sigma = curve(kind, table, n, o);
    for (const double sigma : result.sigma) result.t.push_back(curve_timestep(sigma, kind, table, o));
    return result;
  }
  for (auto& t : result.t) {
    result.sigma.push_back(table.sigma(t));
    if (o.compat == Compat::comfy) t = table.t(result.sigma.back());
  }
  return result;
}

// ComfyUI and A1111 ask for one level more with these and leave out the last before 0.
bool leaves_out_a_level(const SamplingOptions& o) {
  using enum SamplerKind;
  if (o.compat == Compat::comfy) return is_dpm_2(o.sampler) || o.sampler == unipc;
  return o.compat == Compat::a1111 && (is_dpm_2(o.sampler) || o.sampler == dpmpp_3m_sde);
}

Levels given_levels(const SigmaTable& table, const SamplingOptions& o) {
  Levels result{o.timesteps, o.sigmas};
  for (auto& t : result.t) {
    result.sigma.push_back(table.sigma(t));
    if (o.compat == Compat::comfy) t = table.t(result.sigma.back());
  }
  if (result.t.empty())
    for (const double sigma : result.sigma) result.t.push_back(curve_timestep(sigma, ScheduleKind::karras, table, o));
  return result;
}

}  // namespace

std::vector<double> karras(double max, double min, int n) {
  constexpr double kRho = 7;
  const double from = std::pow(max, 1 / kRho), to = std::pow(min, 1 / kRho);
  Values sigmas;
  for (int i = 0; i < n; ++i) sigmas.push_back(std::pow(from + between(0, 1, i, n) * (to - from), kRho));
  return sigmas;
}

bool listed(const SamplingOptions& o) {
  return !o.timesteps.empty() || !o.sigmas.empty();
}

bool is_spacing(ScheduleKind schedule) {
  return schedule == ScheduleKind::linspace || schedule == ScheduleKind::leading || schedule == ScheduleKind::trailing;
}

bool variance_preserving(SamplerKind sampler) {
  using enum SamplerKind;
  return is_any_of(sampler, {ddim, ddpm, pndm, dpmpp_2m, dpmpp_2m_sde, unipc, deis, lcm, tcd});
}

ScheduleKind resolved_schedule(const SamplingOptions& o) {
  if (o.schedule != ScheduleKind::model) return o.schedule;
  if (o.compat == Compat::comfy) return ScheduleKind::linspace;
  if (o.compat == Compat::a1111) return a1111_automatic(o.sampler);
  return o.model_curve != ScheduleKind::model ? o.model_curve : o.model_spacing;
}

ScheduleKind named_schedule(const SamplingOptions& o) {
  return own_timesteps(o) || listed(o) ? ScheduleKind::model : resolved_schedule(o);
}

Levels noise_levels(const SigmaTable& table, const SamplingOptions& o) {
  if (listed(o)) return given_levels(table, o);
  if (!leaves_out_a_level(o)) return levels(table, o.steps, o);
  auto result = levels(table, o.steps + 1, o);
  result.t.pop_back();
  result.sigma.pop_back();
  return result;
}

}  // namespace corepulse::sampler
