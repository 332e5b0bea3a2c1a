#include "sampler/sampler.h"

#include "base/fail.h"
#include "sampler/samplers.h"

namespace corepulse::sampler {

const mx::array& Sampler::denoised() const {
  if (!denoised_) fail(ErrorCode::internal, "sampler", "denoised() before the first step()");
  return *denoised_;
}

std::unique_ptr<Sampler> make_sampler(const Schedule& schedule, const Training& training,
                                      const SamplingOptions& options) {
  switch (options.sampler) {
    case SamplerKind::euler:
      return make_euler(schedule);
    case SamplerKind::euler_a:
      return make_euler_a(schedule, options.eta);
    case SamplerKind::heun:
      return make_heun(schedule, options.solver.clip);
    case SamplerKind::ddim:
      return make_ddim(schedule, ddim_ends(schedule, training, options), options.eta_given ? options.eta : 0,
                       options.solver.clip);
    case SamplerKind::dpmpp_2m:
      return make_dpmpp_2m(schedule, 0, options.solver);
    case SamplerKind::dpmpp_2m_sde:
      return make_dpmpp_2m(schedule, options.eta, options.solver);
    case SamplerKind::dpmpp_sde:
      return make_dpmpp_sde(schedule, options.eta);
    case SamplerKind::unipc:
      return make_unipc(schedule, options.solver);
    case SamplerKind::lcm:
      return make_lcm(schedule, options.timestep_scaling, options.solver.clip);
    case SamplerKind::dpmpp_2s_a:
    case SamplerKind::dpmpp_3m_sde:
    case SamplerKind::dpm_2:
    case SamplerKind::dpm_2_a:
    case SamplerKind::lms:
    case SamplerKind::ddpm:
    case SamplerKind::pndm:
    case SamplerKind::tcd:
    case SamplerKind::deis:
    case SamplerKind::ipndm:
    case SamplerKind::euler_cfg_pp:
    case SamplerKind::dpmpp_2m_cfg_pp:
    case SamplerKind::model:
      break;
  }
  fail(ErrorCode::internal, "sampler", "a sampler that is not decided");
}

}  // namespace corepulse::sampler
