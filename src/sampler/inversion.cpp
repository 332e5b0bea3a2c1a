#include "sampler/inversion.h"

#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"
#include "sampler/samplers.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

[[noreturn]] void refuse_inversion(const std::string& why) {
  fail(ErrorCode::invalid_request, "init.invert", why);
}

void require_way_back(const Training& training, const SamplingOptions& options) {
  const bool ddim = options.sampler == SamplerKind::ddim;
  if (!ddim && options.sampler != SamplerKind::euler)
    refuse_inversion(fmt::format(
        "the sampler is {}, which draws fresh noise, looks back at steps before or calls the model twice, so "
        "that its steps cannot be gone backwards; expected ddim or euler (--sampler ddim)",
        name(options.sampler)));
  if (ddim && options.eta_given && options.eta != 0)
    refuse_inversion(fmt::format(
        "eta is {}: a step that draws fresh noise cannot be gone backwards; expected none, or 0", options.eta));
  if (ddim && std::isfinite(options.solver.clip))
    refuse_inversion(
        "the model's scheduler clips what it predicts (clip_sample), and what is cut off cannot be found again; "
        "expected the sampler euler");
  if (training.edm)
    refuse_inversion(
        "the model was trained with EDM's noise levels: in a picture without noise it can tell none; expected a model "
        "whose noise levels come from betas");
  if (training.prediction != Prediction::epsilon && training.prediction != Prediction::v)
    refuse_inversion(
        fmt::format("the model predicts {}: in a picture without noise it can tell none; expected a model "
                    "that predicts epsilon or v",
                    name(training.prediction)));
}

}  // namespace

Inversion::Inversion(const Schedule& schedule, const Training& training, const SamplingOptions& options)
    : sigma_(schedule.sigma), ends_(schedule.sigma.begin() + 1, schedule.sigma.end()) {
  require_way_back(training, options);
  if (options.sampler == SamplerKind::ddim) ends_ = ddim_ends(schedule, training, options);
}

mx::array Inversion::begin_of(int i, const mx::array& x, const NoiseInFunction& noise, int refinements) const {
  const double sigma = sigma_[i], next = sigma_[i + 1], end = ends_[i];
  // A step that ends at another level than the next one begins at leaves its variance-preserving numbers as they are.
  const auto ended = end == next ? x : times(std::sqrt((1 + end * end) / (1 + next * next)), x);
  auto begin = ended + times(sigma - end, noise(i, ended, end));
  for (int k = 0; k < refinements; ++k) begin = ended + times(sigma - end, noise(i, begin, sigma));
  return begin;
}

}  // namespace corepulse::sampler
