// CFG-Zero* (Fan et al. 2025): a = <c, u> / (|u|^2 + 1e-8), u := u + strength (a u - u).
#include "sampler/guidance/guidance.h"
#include "sampler/guidance/products.h"
#include "sampler/step.h"

namespace corepulse::sampler {

mx::array zero_star(const mx::array& uncond, const mx::array& cond, double strength) {
  if (strength == 0) return uncond;
  const auto norm = product(uncond, uncond);
  const auto scale = product(cond, uncond) / (norm + like(1e-8f, norm));
  return uncond + times(strength, scale * uncond - uncond);
}

}  // namespace corepulse::sampler
