// Adaptive projected guidance (Sadat et al. 2024): d := d min(1, limit / |d|), then d := d - (1 - parallel) c <d, c> /
// |c|^2.
#include "sampler/guidance/guidance.h"
#include "sampler/guidance/products.h"
#include "sampler/step.h"

namespace corepulse::sampler {

mx::array projected(const mx::array& difference, const mx::array& cond, double parallel, double limit) {
  auto d = difference;
  if (limit > 0) {
    const auto length = mx::sqrt(product(d, d)), most = like(static_cast<float>(limit), length);
    d = d * mx::where(mx::greater(length, most), quotient(most, length), like(1.f, length));
  }
  if (parallel == 1) return d;
  const auto along_cond = quotient(product(d, cond), product(cond, cond)) * cond;
  return d - times(1 - parallel, along_cond);
}

}  // namespace corepulse::sampler
