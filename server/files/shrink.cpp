#include "files/shrink.h"

#include <algorithm>
#include <cstdint>

namespace corepulse::server {

Image shrunk(const Image& image, int most) {
  const int longer = std::max(image.width, image.height);
  if (longer <= most) return image;
  Image small;
  small.width = std::max(1, static_cast<int>(int64_t{image.width} * most / longer));
  small.height = std::max(1, static_cast<int>(int64_t{image.height} * most / longer));
  small.pixels.resize(size_t{3} * static_cast<size_t>(small.width) * static_cast<size_t>(small.height));
  auto* out = small.pixels.data();
  for (int y = 0; y < small.height; ++y) {
    const auto top = int64_t{y} * image.height / small.height, bottom = int64_t{y + 1} * image.height / small.height;
    for (int x = 0; x < small.width; ++x) {
      const auto left = int64_t{x} * image.width / small.width, right = int64_t{x + 1} * image.width / small.width;
      uint64_t sums[3] = {0, 0, 0};
      for (auto row = top; row < bottom; ++row)
        for (auto column = left; column < right; ++column)
          for (size_t c = 0; c < 3; ++c) sums[c] += image.pixels[size_t(row * image.width + column) * 3 + c];
      const auto count = static_cast<uint64_t>((bottom - top) * (right - left));
      for (const auto sum : sums) *out++ = static_cast<uint8_t>((sum + count / 2) / count);
    }
  }
  return small;
}

}  // namespace corepulse::server
