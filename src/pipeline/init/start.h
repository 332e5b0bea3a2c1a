#pragma once
// A recipe's `init` at the run's size: the picture, and where it is drawn anew.

#include <optional>

#include "corepulse/image.h"
#include "corepulse/recipe.h"

#include "control/region/raster.h"
#include "pipeline/init/picture.h"
#include "pipeline/picture/mask_picture.h"

namespace corepulse::pipeline {

/** A picture of which the run draws only a part. */
struct Surroundings {
  Image picture;
  control::PixelBox part;
};

struct Start {
  Image picture;                      ///< Of the run's size.
  std::optional<control::Mask> mask;  ///< 0: it stays, 1: drawn anew; see control::rasterize. Absent: 1 everywhere.
  std::optional<Surroundings> around = {};  ///< What the picture was cut out of.
};

/**
 * What is drawn anew of a picture that has come to this size; absent: all of it. @param finely see Canvas::view.
 * @param init then says which masks were read. @throws Error{invalid_request} for one that is 0 everywhere; as
 * rasterize.
 */
std::optional<control::Mask> start_mask(const StartPicture& source, const Margins& margins, InitPicture& init,
                                        PictureSize size, bool finely, MaskPictures& masks);

/**
 * @param recipe with the run's size; it then says which files were read. @param source its picture.
 * @throws Error{invalid_request} for a mask that is 0 everywhere, and as rasterize.
 */
Start start_from(const StartPicture& source, const Margins& margins, Recipe& recipe, MaskPictures& masks);

/** The mask at pixel (x, y) of a picture of this size, linear between the cells of a coarser mask. */
double at_pixel(const control::Mask& mask, int x, int y, int width, int height);

/** How many of a run's `steps` a place with this value takes part in: the last ones. */
int steps_of_value(double value, int steps);

/**
 * Makes of what was drawn the run's picture: with the start's own pixels where nothing was drawn anew. @param set_back
 * into what the start was cut out of, if it was; else it stays a part, for another pass.
 */
void finish(const Start& start, const InitPicture& init, int steps, bool set_back, Image& drawn);

}  // namespace corepulse::pipeline
