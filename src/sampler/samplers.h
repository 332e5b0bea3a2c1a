#pragma once
// The samplers, one file each. See sampler.h for what they share.

#include <memory>

#include "sampler/sampler.h"

namespace corepulse::sampler {

std::unique_ptr<Sampler> make_euler(const Schedule& schedule);
std::unique_ptr<Sampler> make_euler_a(const Schedule& schedule, double eta);
/** On a schedule with `ends`: Restart. */
std::unique_ptr<Sampler> make_heun(const Schedule& schedule, double clip);
/** ends[i]: the sigma that step i aims at, which need not be schedule.sigma[i + 1]; see ddim_ends. */
std::unique_ptr<Sampler> make_ddim(const Schedule& schedule, std::vector<double> ends, double eta, double clip);
std::vector<double> ddim_ends(const Schedule& schedule, const Training& training, const SamplingOptions& options);
/** eta = 0: DPM++ 2M; above: DPM++ 2M SDE, with order 3 and heun DPM++ 3M SDE. */
std::unique_ptr<Sampler> make_dpmpp_2m(const Schedule& schedule, double eta, const SolverOptions& solver);
std::unique_ptr<Sampler> make_dpmpp_sde(const Schedule& schedule, double eta);
std::unique_ptr<Sampler> make_unipc(const Schedule& schedule, const SolverOptions& solver);
/** eta = 0: DPM2; above: DPM2 a. */
std::unique_ptr<Sampler> make_dpm_2(const Schedule& schedule, double eta);
std::unique_ptr<Sampler> make_dpmpp_2s_a(const Schedule& schedule, double eta);
/** @param plain_end the step to sigma 0 takes the model's estimate, as ComfyUI's; else the polynomial is continued. */
std::unique_ptr<Sampler> make_lms(const Schedule& schedule, bool plain_end);
std::unique_ptr<Sampler> make_ddpm(const Schedule& schedule, double clip);

/** Where PLMS goes, and what its predictions are. */
struct PndmLevels {
  std::vector<double> ends;  ///< Of every step: see ddim_ends.
  double again = 0;          ///< Where the first step's second half starts.
  Prediction prediction = Prediction::epsilon;
};
PndmLevels pndm_levels(const Schedule& schedule, const Training& training, const SamplingOptions& options);
std::unique_ptr<Sampler> make_pndm(const Schedule& schedule, PndmLevels levels);

/** Where every step of TCD ends, and how far below that it goes before it adds noise. */
struct TcdLevels {
  std::vector<double> ends, low;
};
TcdLevels tcd_levels(const Schedule& schedule, const Training& training, const SamplingOptions& options);
std::unique_ptr<Sampler> make_tcd(const Schedule& schedule, TcdLevels levels);

/**
 * @param end the sigma at which the last step ends.
 * @param tabulated ComfyUI's, of order 3 whatever the solver says.
 */
std::unique_ptr<Sampler> make_deis(const Schedule& schedule, double end, const SolverOptions& solver, bool tabulated);
double deis_end(const Schedule& schedule, const Training& training, const SamplingOptions& options);
std::unique_ptr<Sampler> make_ipndm(const Schedule& schedule);
/** Euler, or DPM++ 2M, in CFG++. */
std::unique_ptr<Sampler> make_cfg_pp(const Schedule& schedule, bool second_order);
/** @param scaling SamplingOptions::timestep_scaling. */
std::unique_ptr<Sampler> make_lcm(const Schedule& schedule, double scaling, double clip);

}  // namespace corepulse::sampler
