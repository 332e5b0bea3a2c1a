#pragma once
// A picture as CLIP's vision encoder is given it.

#include <vector>

#include "corepulse/image.h"

namespace corepulse::pipeline {

/**
 * As transformers' CLIPImageProcessor: the shorter side becomes `size` pixels (Pillow's bicubic), the middle size x
 * size of that is taken and normalised by CLIP's mean and deviation. size x size x 3 numbers.
 */
std::vector<float> clip_picture(const Image& image, int size);

}  // namespace corepulse::pipeline
