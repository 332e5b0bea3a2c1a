#pragma once
// Picture files as masks, for control's regions.

#include <string>

#include "control/inputs.h"

namespace corepulse::pipeline {

/** A picture's luminance (Rec. 709 on its stored values) or alpha, 0..1. @throws Error. */
control::MaskPicture read_mask(const std::string& file, PictureChannel channel);

}  // namespace corepulse::pipeline
