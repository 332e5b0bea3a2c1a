// Skimmed CFG (Extraltodeus 2024), as ComfyUI's node of that name computes it: u is skimmed with w and as if it were c,
// then c with w - 1 and what u has become. a is skimmed against b with guidance g: where a - b, a and the guided
// estimate a g - b (g - 1) agree in sign - and, filtered, that estimate and what it is beyond x - a becomes
// a - (g - scale) (a - b) / g, so that guidance g of it gives b + scale (a - b).
#include "sampler/guidance/guidance.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

/** How much of a - b is taken from a, by number. @param a, b estimates of the picture. */
mx::array taken(const mx::array& a, const mx::array& b, const mx::array& x, double guidance, double scale,
                bool filter) {
  const auto guided = b + times(guidance, a - b);
  const auto side = mx::sign(a);
  auto far = mx::logical_and(mx::equal(mx::sign(a - b), side),
                             mx::equal(side, mx::sign(times(guidance, a) - times(guidance - 1, b))));
  if (filter) far = mx::logical_and(far, mx::equal(mx::sign(guided), mx::sign(guided - x)));
  return mx::where(far, like(static_cast<float>((guidance - scale) / guidance), a), like(0.f, a));
}

}  // namespace

std::pair<mx::array, mx::array> skimmed(std::pair<mx::array, mx::array> predicted,
                                        std::pair<mx::array, mx::array> pictures, const mx::array& x,
                                        const Skimming& how) {
  auto& [uncond, cond] = predicted;
  auto& [uncond_picture, cond_picture] = pictures;
  const auto of_uncond =
      taken(uncond_picture, cond_picture, x, how.guidance, how.full_negative ? 0 : how.scale, how.filter);
  uncond = uncond - of_uncond * (uncond - cond);
  uncond_picture = uncond_picture - of_uncond * (uncond_picture - cond_picture);
  const auto of_cond = taken(cond_picture, uncond_picture, x, how.guidance - 1, how.scale, how.filter);
  cond = cond - of_cond * (cond - uncond);
  return predicted;
}

}  // namespace corepulse::sampler
