#pragma once
// Small grids of numbers at another size.

#include <vector>

#include "control/site.h"

namespace corepulse::pipeline {

/** By area: a cell of the new grid is the mean of what it covers, so means are kept and ones stay ones. */
std::vector<double> resample_area(const std::vector<double>& values, control::Grid from, control::Grid to);

/** Linear between the centres of the cells; for looking at. */
std::vector<double> resample_linear(const std::vector<double>& values, control::Grid from, control::Grid to);

/** The value of one old cell: that in which its middle lies, or (as torch's older way) its left top corner. */
std::vector<double> resample_nearest(const std::vector<double>& values, control::Grid from, control::Grid to,
                                     bool middle);

/** Cubic convolution with a = -0.75, the border's values going on outside, as torch. */
std::vector<double> resample_cubic(const std::vector<double>& values, control::Grid from, control::Grid to);

}  // namespace corepulse::pipeline
