#pragma once
// Edges of a picture, as OpenCV's Canny finds them.

#include <cstdint>
#include <vector>

#include "corepulse/image.h"

namespace corepulse::pipeline {

/**
 * By pixel, 255 on an edge and else 0: cv2.Canny(picture, low, high) of a picture of three channels, byte for byte
 * (aperture 3, the sum of absolute gradients, by pixel the channel in which that is largest).
 */
std::vector<uint8_t> canny(const Image& image, double low, double high);

}  // namespace corepulse::pipeline
