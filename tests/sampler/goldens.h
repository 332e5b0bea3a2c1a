#pragma once
// Reads the golden files of the samplers.

#include <string>
#include <unordered_map>
#include <vector>

#include "corepulse/sampling.h"

#include "mlx/io.h"
#include "mlx/ops.h"

#include "base/tensor.h"
#include "sampler/sampler.h"
#include "sampler/schedule/training.h"
#include "support/places.h"

namespace corepulse::sampler {

using Goldens = std::unordered_map<std::string, mx::array>;

inline Goldens load_goldens(const std::string& file) {
  return mx::load_safetensors(test::golden_folder() + "/" + file).first;
}

template <class Number>
std::vector<Number> values(mx::array x) {
  x = mx::contiguous(x);
  x.eval();
  return {x.data<Number>(), x.data<Number>() + x.size()};
}

/** Stable Diffusion's training. */
inline Training sd_training(Prediction prediction = Prediction::epsilon, bool zero_snr = false) {
  auto abar = alphas_cumprod(0.00085, 0.012, "scaled_linear");
  if (zero_snr) abar = rescale_zero_terminal_snr(abar);
  return {abar, prediction};
}

/** max|a - b| / max|b|. */
inline double relative_error(const mx::array& a, const mx::array& b) {
  auto error = mx::max(mx::abs(a - b)), size = mx::max(mx::abs(b));
  return error.item<float>() / size.item<float>();
}

constexpr SamplerKind kSamplers[] = {SamplerKind::euler,      SamplerKind::euler_a,      SamplerKind::heun,
                                     SamplerKind::ddim,       SamplerKind::dpmpp_2m,     SamplerKind::dpmpp_2m_sde,
                                     SamplerKind::dpmpp_sde,  SamplerKind::unipc,        SamplerKind::lcm,
                                     SamplerKind::dpmpp_2s_a, SamplerKind::dpmpp_3m_sde, SamplerKind::dpm_2,
                                     SamplerKind::dpm_2_a,    SamplerKind::lms,          SamplerKind::ddpm,
                                     SamplerKind::pndm,       SamplerKind::tcd,          SamplerKind::deis,
                                     SamplerKind::ipndm,      SamplerKind::euler_cfg_pp, SamplerKind::dpmpp_2m_cfg_pp,
                                     SamplerKind::restart};
constexpr ScheduleKind kSchedules[] = {ScheduleKind::model,       ScheduleKind::linspace, ScheduleKind::leading,
                                       ScheduleKind::trailing,    ScheduleKind::karras,   ScheduleKind::exponential,
                                       ScheduleKind::sgm_uniform, ScheduleKind::simple,   ScheduleKind::beta,
                                       ScheduleKind::ays};
constexpr Compat kCompats[] = {Compat::diffusers, Compat::comfy, Compat::a1111};

}  // namespace corepulse::sampler
