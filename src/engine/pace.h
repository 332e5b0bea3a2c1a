#pragma once
// How fast this machine computes.

#include "base/tensor.h"

namespace corepulse::engine {

/** Multiply-adds, or as many of them in a second, by what computes them. */
struct Work {
  double convolution = 0, matrix = 0, attention = 0;

  double sum() const { return convolution + matrix + attention; }
  Work& operator+=(const Work& other);
  Work operator*(double times) const;
};

/** What the default device does in a second now, measured in about 0.1 s on two cores. On the engine's thread. */
Work measure_pace(mx::Dtype dtype);

/** Seconds that `work` takes at that pace. */
double seconds(const Work& work, const Work& pace);

}  // namespace corepulse::engine
