// Frequency-decoupled guidance (Sadat et al. 2025; Diffusers' FrequencyDecoupledGuidance). All of a Laplacian pyramid
// is linear, so it is made of the difference alone: the finest level is what halving, and doubling again, loses. As
// kornia's pyrdown and pyrup: a blur by 1 4 6 4 1, then neighbours averaged; doubled linearly, then the same blur.
// Where kornia pads to a power of 2, and its sizes are then others, an odd side is halved rounding up.
#include "sampler/guidance/grid.h"
#include "sampler/guidance/guidance.h"
#include "sampler/step.h"

namespace corepulse::sampler {
namespace {

LineMap halved_and_doubled(int size) {
  const std::vector<double> taps{1 / 16.0, 4 / 16.0, 6 / 16.0, 4 / 16.0, 1 / 16.0};
  const int half = (size + 1) / 2;
  return blur(size, taps) * (resized(half, size) * (resized(size, half) * blur(size, taps)));
}

}  // namespace

mx::array by_frequency(const mx::array& difference, double low, double high) {
  const auto coarse =
      along(halved_and_doubled(difference.shape(1)), halved_and_doubled(difference.shape(2)), difference);
  return times(high, difference) + times(low - high, coarse);
}

}  // namespace corepulse::sampler
