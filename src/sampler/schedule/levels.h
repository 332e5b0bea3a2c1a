#pragma once
// Which noise levels a run visits: the spacings (linspace, leading, trailing, ...) and the curves (karras, ...).

#include <vector>

#include "corepulse/sampling.h"

#include "sampler/schedule/sigma_table.h"

namespace corepulse::sampler {

/** The levels a run calls the model at, noisiest first; the final 0 is not among them. */
struct Levels {
  std::vector<double> t, sigma;
};

/** options.schedule with `model` replaced by what the model's config, or the compatible tool's default, says. */
ScheduleKind resolved_schedule(const SamplingOptions& options);

/** resolved_schedule, but `model` where that has no name: lcm's and tcd's own timesteps, levels given one by one. The
 * same levels either way. */
ScheduleKind named_schedule(const SamplingOptions& options);

/** True where the levels are given one by one. */
bool listed(const SamplingOptions& options);

/** True for linspace, leading and trailing: levels chosen by their timestep. */
bool is_spacing(ScheduleKind schedule);

/** True where Diffusers' scheduler of this sampler keeps x in variance-preserving coordinates. */
bool variance_preserving(SamplerKind sampler);

/** n levels, even in their seventh root, noisiest first. */
std::vector<double> karras(double max, double min, int n);

/** The levels of `options`, as the compatible tool computes them; not yet checked. */
Levels noise_levels(const SigmaTable& table, const SamplingOptions& options);

}  // namespace corepulse::sampler
