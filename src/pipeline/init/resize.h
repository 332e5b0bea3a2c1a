#pragma once
// Pictures at another size, as Pillow computes them.

#include "corepulse/image.h"
#include "corepulse/init_picture.h"

namespace corepulse::pipeline {

/** A part of a picture, in its pixels: its left top corner, its right bottom one. */
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

Box whole_of(const Image& image);

/** The part at width x height pixels: Pillow's resize(size, filter, box), byte for byte. Alpha is left out. */
Image resize(const Image& image, Resample filter, const Box& box, int width, int height);

}  // namespace corepulse::pipeline
