#include "sampler/guidance/guidance.h"

#include <numeric>

#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

// [B, 1, ...]: the deviation of each image.
mx::array deviation(const mx::array& x) {
  std::vector<int> axes(x.ndim() - 1);
  std::iota(axes.begin(), axes.end(), 1);
  return mx::std(x, axes, /*keepdims=*/true);
}

}  // namespace

mx::array guide(const mx::array& uncond, const mx::array& cond, double scale) {
  return uncond + times(scale, cond - uncond);
}

mx::array rescale_guidance(const mx::array& guided, const mx::array& cond, double share) {
  if (share == 0) return guided;
  const auto rescaled = guided * (deviation(cond) / deviation(guided));
  return times(share, rescaled) + times(1 - share, guided);
}

}  // namespace corepulse::sampler
