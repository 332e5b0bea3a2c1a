#pragma once
// Means over parts of a mask: resampling, feather, blur.

#include <utility>

#include "control/region/raster.h"

namespace corepulse::control {

/** The mean over each cell of a height x width grid laid over the mask. */
Mask area_mean(const Mask& mask, int height, int width);
Mask area_mean(const MaskPicture& picture, int height, int width);

/** A part of the mask, begin and end in cells; its cells are about as large. The border's values go on outside. */
Mask area_mean(const Mask& mask, const std::pair<double, double>& rows, const std::pair<double, double>& columns);

/** Every value becomes the mean of a box of x by y cells around it; the border's values go on outside. */
void moving_average(Mask& mask, double x, double y);

/** As a Gaussian of these sigmas (cells): four moving averages of its variance. */
void gaussian_blur(Mask& mask, double x, double y);

}  // namespace corepulse::control
