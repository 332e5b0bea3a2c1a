#pragma once
// The picture that a side network sees: at the run's size, and prepared.

#include <vector>

#include "corepulse/control_net.h"
#include "corepulse/image.h"

#include "pipeline/init/start.h"

namespace corepulse::pipeline {

/** Height x width x 3 numbers, 0..1; what is to be drawn anew may be -1. */
struct HintPicture {
  int width = 0, height = 0;
  std::vector<float> values;
};

/** A run's picture: its size, and what it is a part of. */
struct HintCanvas {
  int width = 0, height = 0;
  const Surroundings* around = nullptr;  ///< null: it is the whole.
  MaskPictures* masks = nullptr;
};

/**
 * The picture comes to the size as ControlNet::fit says - where the run draws a part of a picture, to that picture's
 * size, of which the part is taken - and is then prepared. @param redrawn the value of pixels of prepare mask.
 * @throws as control::rasterize for the mask.
 */
HintPicture hint_picture(const Image& image, const ControlNet& net, const HintCanvas& canvas, float redrawn,
                         const std::string& path);

}  // namespace corepulse::pipeline
