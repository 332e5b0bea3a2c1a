// TCFG (Kwon et al. 2025). Diffusers takes the singular vectors of the matrix with the rows c and u and drops the
// second from u. Two rows need no decomposition: with (cos a, sin a) the eigenvector of their products' matrix with the
// larger eigenvalue, what stays of u is sin a (cos a c + sin a u), and tan 2a = 2 <c, u> / (|c|^2 - |u|^2).
#include "sampler/guidance/guidance.h"
#include "sampler/guidance/products.h"
#include "sampler/step.h"

namespace corepulse::sampler {

mx::array tangential(const mx::array& uncond, const mx::array& cond, double strength) {
  if (strength == 0) return uncond;
  const auto both = product(cond, uncond), twice = both + both;
  const auto more = product(cond - uncond, cond + uncond);  // |c|^2 - |u|^2, without their difference's rounding
  const auto length = mx::sqrt(twice * twice + more * more);
  const auto half = like(0.5f, length);
  // Of two as long as each other at right angles, none is the first: u stays.
  const auto known = mx::greater(length, like(0.f, length));
  const auto sine = quotient(twice, length), cosine = quotient(more, length);  // of 2a
  const auto own = mx::where(known, half * (like(1.f, length) - cosine), like(1.f, length));
  const auto kept = half * sine * cond + own * uncond;
  return uncond + times(strength, kept - uncond);
}

}  // namespace corepulse::sampler
