#include "pipeline/guide/clip_picture.h"

#include <algorithm>

#include "pipeline/init/resize.h"

namespace corepulse::pipeline {

std::vector<float> clip_picture(const Image& image, int size) {
  constexpr float kMean[] = {0.48145466f, 0.4578275f, 0.40821073f};
  constexpr float kDeviation[] = {0.26862954f, 0.26130258f, 0.27577711f};
  const int64_t shorter = std::min(image.width, image.height);
  const auto side = [&](int pixels) { return static_cast<int>(int64_t{size} * pixels / shorter); };
  const auto small = resize(image, Resample::bicubic, whole_of(image), side(image.width), side(image.height));
  const int left = (small.width - size) / 2, top = (small.height - size) / 2;
  std::vector<float> values;
  values.reserve(size_t{3} * size * size);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      for (size_t c = 0; c < 3; ++c) {
        const auto at = (static_cast<size_t>(top + y) * small.width + (left + x)) * 3 + c;
        values.push_back((static_cast<float>(small.pixels[at]) / 255.f - kMean[c]) / kDeviation[c]);
      }
  return values;
}

}  // namespace corepulse::pipeline
