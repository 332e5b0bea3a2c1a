#pragma once
// Blurred queries: smoothed energy guidance.

#include "control/readings/mix.h"
#include "control/site.h"

namespace corepulse::control {

/**
 * A Gaussian of deviation `sigma` tokens over an odd number of taps, about 6 sigma or, if that is more, about a side of
 * the grid; tokens beyond the edge are mirrored at it. So a large sigma comes near a box of the grid's size, not the
 * mean. As the authors' code does on square grids.
 */
BlurMatrices gaussian_blur(const Grid& grid, double sigma);

/** Its limit for an infinite deviation: one query, the mean of all. */
BlurMatrices mean_blur(const Grid& grid);

}  // namespace corepulse::control
