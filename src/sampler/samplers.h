#pragma once
// The samplers, one file each. See sampler.h for what they share.

#include <memory>

#include "sampler/sampler.h"

namespace corepulse::sampler {

std::unique_ptr<Sampler> make_euler(const Schedule& schedule);
std::unique_ptr<Sampler> make_euler_a(const Schedule& schedule, double eta);
std::unique_ptr<Sampler> make_heun(const Schedule& schedule, double clip);
/** ends[i]: the sigma that step i aims at, which need not be schedule.sigma[i + 1]; see ddim_ends. */
std::unique_ptr<Sampler> make_ddim(const Schedule& schedule, std::vector<double> ends, double eta, double clip);
std::vector<double> ddim_ends(const Schedule& schedule, const Training& training, const SamplingOptions& options);
/** eta = 0: DPM++ 2M; above: DPM++ 2M SDE. */
std::unique_ptr<Sampler> make_dpmpp_2m(const Schedule& schedule, double eta, const SolverOptions& solver);
std::unique_ptr<Sampler> make_dpmpp_sde(const Schedule& schedule, double eta);
std::unique_ptr<Sampler> make_unipc(const Schedule& schedule, const SolverOptions& solver);
/** @param scaling SamplingOptions::timestep_scaling. */
std::unique_ptr<Sampler> make_lcm(const Schedule& schedule, double scaling, double clip);

}  // namespace corepulse::sampler
