#pragma once
// How far one picture is from another.

#include <algorithm>
#include <cmath>

#include "corepulse/pipeline.h"

namespace corepulse::test {

/** Peak signal to noise ratio in dB of pictures of one size, 8 bits; 138 if they are the same. */
inline double psnr(const Image& a, const Image& b) {
  double sum = 0;
  for (size_t i = 0; i < a.pixels.size(); ++i) {
    const double d = double(a.pixels[i]) - b.pixels[i];
    sum += d * d;
  }
  return 10 * std::log10(255.0 * 255.0 / std::max(sum / static_cast<double>(a.pixels.size()), 1e-9));
}

}  // namespace corepulse::test
