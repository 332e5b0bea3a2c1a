#pragma once
// Regions to numbers: a mask of the whole picture, then the mean of it over every cell of a grid.

#include <optional>
#include <string>
#include <vector>

#include "control/inputs.h"

namespace corepulse::control {

/** Values 0..1, row after row. */
struct Mask {
  int height = 0, width = 0;
  std::vector<double> values;
  bool operator==(const Mask&) const = default;
};

/** The picture a region is in. */
struct Canvas {
  int height = 0, width = 0;          ///< Pixels.
  PictureReader picture;              ///< May be empty.
  std::optional<PixelBox> view = {};  ///< The part of it that is wanted, finer than all of it would be.
  /** What regions of shape attention are of. Empty, or nothing of this one: they are `unseen` everywhere. */
  std::function<std::optional<LookedAt>(const Region& region)> looked_at = {};
  std::optional<double> unseen = {};  ///< Absent: they are errors.
};

/**
 * For regions of an image: those of shape attention are of what is looked at in it, or in the image that they name, and
 * everywhere if that is not known.
 * @param live outlives the result; may be empty.
 */
Canvas with_live(Canvas canvas, const LiveMasks& live, int image);

/**
 * The region at the picture's size, halved until no side exceeds 768 (with a view 2048): each cell holds the mean over
 * its area. With a view, that part of it; outside the picture the values at its edges go on.
 * @throws Error{invalid_request} at `path` for numbers that are not finite, negative sizes, less than 3 corners, more
 * than 10,000 corners or 1,000 parts, nesting beyond 32, attention where nothing is looked at; Error of the picture
 * reader.
 */
Mask rasterize(const Region& region, const Canvas& canvas, const std::string& path);

/** How many cells it has there. */
size_t raster_cells(const Canvas& canvas);

/** Whether it, or a part of it, is of shape attention: another one in each step. */
bool is_live(const Region& region);

/** A part of a mask of all of a picture of that size. */
Mask part_of(const Mask& mask, int picture_height, int picture_width, const PixelBox& part);

/** Means over the cells of another grid, each rounded to a multiple of 2^-16: mirrored masks stay mirrored. */
Mask resample(const Mask& mask, int height, int width);

}  // namespace corepulse::control
