#pragma once
// Samplers, schedules and noise by name. Names of Diffusers, A1111 and ComfyUI are accepted as aliases.

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace corepulse {

/** `model` = the one that the model's scheduler_config names, euler where it names none that is here. */
enum class SamplerKind {
  model,
  euler,
  euler_a,
  heun,
  ddim,
  dpmpp_2m,
  dpmpp_2m_sde,
  dpmpp_sde,
  unipc,
  lcm,
  dpmpp_2s_a,
  dpmpp_3m_sde,
  dpm_2,
  dpm_2_a,
  lms,
  ddpm,
  pndm,
  tcd,
  deis,
  ipndm,
  euler_cfg_pp,
  dpmpp_2m_cfg_pp,
  restart
};

/** How the n noise levels are spread. `model` = as the model's scheduler_config says. */
enum class ScheduleKind { model, linspace, leading, trailing, karras, exponential, sgm_uniform, simple, beta, ays };

/** What a network predicts. */
enum class Prediction { epsilon, v, sample };

/** Whose arithmetic to follow where the tools differ (see docs/samplers.md). */
enum class Compat { diffusers, comfy, a1111 };

/** Whose random numbers: torch's CPU generator, torch's CUDA generator (Philox), MLX's. */
enum class NoiseKind { cpu, cuda, mlx };

/** What a model's scheduler_config says of the solvers themselves. Followed in compat diffusers. */
struct SolverOptions {
  int order = 2;                  ///< 1..3, of dpmpp_2m, unipc and deis; dpmpp_2m_sde knows 1 and 2.
  bool lower_order_final = true;  ///< At order 3 the last step but one is of order 2: unipc; dpmpp_2m below 15 steps.
  bool heun = false;              ///< dpmpp_2m, dpmpp_2m_sde: solver_type "heun", else "midpoint".
  bool bh1 = false;               ///< unipc: solver_type "bh1", else "bh2".
  std::vector<int> uncorrected;   ///< unipc: steps, from 0, that are not corrected afterwards (disable_corrector).
  /** ddim, heun, lcm: estimates of x0 are cut off beyond it (clip_sample). */
  double clip = std::numeric_limits<double>::infinity();
  bool operator==(const SolverOptions&) const = default;
};

struct SamplingOptions {
  SamplerKind sampler = SamplerKind::euler;
  ScheduleKind schedule = ScheduleKind::model;
  int steps = 20;  ///< 1..1000.
  // Levels chosen one by one instead of `schedule` and `steps`; at most one of the two is given.
  std::vector<double> timesteps;  ///< Falling.
  std::vector<double> sigmas;     ///< Falling, without the 0 that every run ends at.
  Compat compat = Compat::diffusers;
  /** 0..1, share of fresh noise in the ancestral and the SDE samplers; unless given 0 for ddim and 0.3 for tcd. */
  double eta = 1;
  bool eta_given = false;
  bool sdxl = false;  ///< Which table `ays` uses.
  // The model's scheduler_config, used by ScheduleKind::model and where spacings need them.
  ScheduleKind model_spacing = ScheduleKind::leading;
  int steps_offset = 1;
  ScheduleKind model_curve = ScheduleKind::model;  ///< karras, exponential or beta; model: none, but the spacing.
  bool set_alpha_to_one = false;                   ///< DDIM's last step; false for Stable Diffusion.
  int distilled_steps = 50;                        ///< lcm: how many timesteps the distillation visited.
  double timestep_scaling = 10;                    ///< lcm: how fast its own share of x fades.
  SolverOptions solver;
  bool operator==(const SamplingOptions&) const = default;
};

/** A sampler and, where the name implies one ("DPM++ 2M Karras"), its schedule. */
struct SamplerName {
  SamplerKind sampler = SamplerKind::euler;
  ScheduleKind schedule = ScheduleKind::model;
};

/** Case, spaces, '_' , '-' and '+' do not matter. @throws Error{invalid_request} naming the nearest valid one. */
SamplerName parse_sampler(std::string_view name);
ScheduleKind parse_schedule(std::string_view name);
NoiseKind parse_noise(std::string_view name);
Compat parse_compat(std::string_view name);
Prediction parse_prediction(std::string_view name);

const char* name(SamplerKind sampler) noexcept;
const char* name(ScheduleKind schedule) noexcept;
const char* name(NoiseKind noise) noexcept;
const char* name(Compat compat) noexcept;
const char* name(Prediction prediction) noexcept;

/** All canonical names, for help texts. */
std::vector<std::string> sampler_names();
std::vector<std::string> schedule_names();

}  // namespace corepulse
