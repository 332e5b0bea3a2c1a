#pragma once
// Linear maps of a picture that are the same in every row and every column: blurs, and sizes changed.

#include <vector>

#include "base/tensor.h"

namespace corepulse::sampler {

/** A map of n numbers to m: m rows of n weights. */
struct LineMap {
  int out = 1, in = 1;
  std::vector<double> weights;  ///< [out, in]
};

/** Weights around each place, mirrored at the ends without repeating them. @param taps of an odd number. */
LineMap blur(int size, const std::vector<double>& taps);
/** Linear between the centres of neighbours, as torch's bilinear without aligned corners. */
LineMap resized(int from, int to);
/** First `first`, then `then`. */
LineMap operator*(const LineMap& then, const LineMap& first);

/** x [B, h, w, C] by columns and by rows: [B, down.out, across.out, C]. */
mx::array along(const LineMap& down, const LineMap& across, const mx::array& x);

/** x blurred by a Gaussian, cut off at 4 places on each side. */
mx::array gaussian_blur(const mx::array& x, double sigma);

}  // namespace corepulse::sampler
