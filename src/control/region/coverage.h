#pragma once
// Polygons to exact cell coverage.

#include <vector>

#include "control/region/raster.h"

namespace corepulse::control {

/**
 * How much of every cell the polygon covers, 0..1; corners in cells. The signed areas of its edges are summed, so
 * mirrored polygons give mirrored masks up to rounding; where windings cross they add, clamped to 1.
 */
Mask coverage(const std::vector<Region::Point>& corners, int height, int width);

}  // namespace corepulse::control
