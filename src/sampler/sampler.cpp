#include "sampler/sampler.h"

#include <limits>

#include "base/fail.h"
#include "sampler/samplers.h"

namespace corepulse::sampler {

const mx::array& Sampler::denoised() const {
  if (!denoised_) fail(ErrorCode::internal, "sampler", "denoised() before the first step()");
  return *denoised_;
}

namespace {

std::unique_ptr<Sampler> make_classic(const Schedule& schedule, const Training& training, const SamplingOptions& o) {
  switch (o.sampler) {
    case SamplerKind::euler:
      return make_euler(schedule);
    case SamplerKind::euler_a:
      return make_euler_a(schedule, o.eta);
    case SamplerKind::heun:
      return make_heun(schedule, o.solver.clip);
    case SamplerKind::restart:
      return make_heun(schedule, std::numeric_limits<double>::infinity());
    case SamplerKind::dpm_2:
      return make_dpm_2(schedule, 0);
    case SamplerKind::dpm_2_a:
      return make_dpm_2(schedule, o.eta);
    case SamplerKind::lms:
      return make_lms(schedule, o.compat == Compat::comfy);
    case SamplerKind::ddim:
      return make_ddim(schedule, ddim_ends(schedule, training, o), o.eta_given ? o.eta : 0, o.solver.clip);
    case SamplerKind::ddpm:
      return make_ddpm(schedule, o.solver.clip);
    case SamplerKind::pndm:
      return make_pndm(schedule, pndm_levels(schedule, training, o));
    case SamplerKind::ipndm:
      return make_ipndm(schedule);
    default:
      return nullptr;
  }
}

}  // namespace

std::unique_ptr<Sampler> make_sampler(const Schedule& schedule, const Training& training, const SamplingOptions& o) {
  const SolverOptions of_3m{.order = 3, .lower_order_final = false, .heun = true};
  if (auto sampler = make_classic(schedule, training, o)) return sampler;
  switch (o.sampler) {
    case SamplerKind::dpmpp_2m:
      return make_dpmpp_2m(schedule, 0, o.solver);
    case SamplerKind::dpmpp_2m_sde:
      return make_dpmpp_2m(schedule, o.eta, o.solver);
    case SamplerKind::dpmpp_3m_sde:
      return make_dpmpp_2m(schedule, o.eta, of_3m);
    case SamplerKind::dpmpp_sde:
      return make_dpmpp_sde(schedule, o.eta);
    case SamplerKind::dpmpp_2s_a:
      return make_dpmpp_2s_a(schedule, o.eta);
    case SamplerKind::unipc:
      return make_unipc(schedule, o.solver);
    case SamplerKind::deis:
      return make_deis(schedule, deis_end(schedule, training, o), o.solver, o.compat != Compat::diffusers);
    case SamplerKind::lcm:
      return make_lcm(schedule, o.timestep_scaling, o.solver.clip);
    case SamplerKind::tcd:
      return make_tcd(schedule, tcd_levels(schedule, training, o));
    case SamplerKind::euler_cfg_pp:
    case SamplerKind::dpmpp_2m_cfg_pp:
      return make_cfg_pp(schedule, o.sampler == SamplerKind::dpmpp_2m_cfg_pp);
    default:
      fail(ErrorCode::internal, "sampler", "a sampler that is not decided");
  }
}

}  // namespace corepulse::sampler
