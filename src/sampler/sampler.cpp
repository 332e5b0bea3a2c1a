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
      return make_heun(schedule);
    case SamplerKind::ddim:
      return make_ddim(schedule, ddim_ends(schedule, training, options), options.eta_given ? options.eta : 0);
    case SamplerKind::dpmpp_2m:
      return make_dpmpp_2m(schedule, 0);
    case SamplerKind::dpmpp_2m_sde:
      return make_dpmpp_2m(schedule, options.eta);
    case SamplerKind::dpmpp_sde:
      return make_dpmpp_sde(schedule, options.eta);
    case SamplerKind::unipc:
      return make_unipc(schedule);
    case SamplerKind::lcm:
      return make_lcm(schedule);
  }
  fail(ErrorCode::invalid_request, "sampler", "no such sampler");
}

}  // namespace corepulse::sampler
