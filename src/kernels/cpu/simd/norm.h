#pragma once
// The normalisations on plain memory, for the best instruction set of this machine.

#include <cstdint>

#include "kernels/number.h"

namespace corepulse::kernels {

/** Number, mean and sum of squared distances from the mean of some values. */
struct Moments {
  double count = 0, mean = 0, squares = 0;

  /** The moments of both sets together (Chan, Golub, LeVeque 1979). */
  Moments merged(const Moments& other) const {
    const double n = count + other.count, delta = other.mean - mean;
    if (n == 0) return {};
    return {n, mean + delta * other.count / n, squares + other.squares + delta * delta * count * other.count / n};
  }
};

/**
 * Adds the moments of x [rows, channels], rows <= kMomentRows, to those of groups of `width` neighbouring channels. x
 * holds the channels from `first` on.
 */
constexpr int64_t kMomentRows = 64;
void add_moments(ConstNumbers x, int64_t rows, int64_t channels, int64_t first, int64_t width, Moments* groups);

/** Per channel: (x - mean) * scale + shift, the mean in two parts so that a large one costs no digits. */
struct ChannelAffine {
  const float *mean, *mean_rest, *scale, *shift;
};

/**
 * y = affine(x), then silu if asked, on x [rows, channels]; y of x's type, as below, its rows `stride` numbers apart.
 */
void normalize_channels(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, int64_t stride,
                        const ChannelAffine& affine, bool silu);

/** LayerNorm of [rows, channels]. */
void normalize_rows(ConstNumbers x, Numbers y, int64_t rows, int64_t channels, const float* weight, const float* bias,
                    float eps);

}  // namespace corepulse::kernels
