#pragma once
// A picture of which only the surroundings of the mask are drawn, larger than they are, and set back into it.

#include "pipeline/init/start.h"

namespace corepulse::pipeline {

struct MaskedPart {
  Image whole;         ///< The picture, with its new canvas.
  control::Mask mask;  ///< Of the whole.
  /** What the mask touches, and the padding around it as far as there is picture. */
  control::PixelBox touched;
};

/**
 * What `only_masked` asks for. @param init then says which files were read. @throws Error{invalid_request} if there is
 * no mask, nothing in it, or the padding is out of range; as rasterize.
 */
MaskedPart masked_part(const StartPicture& source, const Margins& margins, InitPicture& init, MaskPictures& masks);

/**
 * The part of these proportions around what is touched: inside the picture where it fits into it, else in the middle
 * and over its edges, which are repeated outwards. @throws Error{invalid_request} if it were too large.
 */
control::PixelBox drawn_part(const MaskedPart& masked, int width, int height);

/** That part at the run's size. @throws as drawn_part. */
Start start_from(const MaskedPart& masked, int width, int height, Resample filter = Resample::lanczos);

}  // namespace corepulse::pipeline
