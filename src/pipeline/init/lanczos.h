#pragma once
// Pictures at another size, as Pillow computes them.

#include "corepulse/image.h"

namespace corepulse::pipeline {

/** A part of a picture, in its pixels: its left top corner, its right bottom one. */
struct Box {
  float left = 0, top = 0, right = 0, bottom = 0;
};

/** The part at width x height pixels: Pillow's resize(size, LANCZOS, box), byte for byte. Alpha is left out. */
Image resize_lanczos(const Image& image, const Box& box, int width, int height);
/** The whole: Pillow's resize(size, BICUBIC), byte for byte. Alpha is left out. */
Image resize_bicubic(const Image& image, int width, int height);

}  // namespace corepulse::pipeline
