// A region's values at the pixels of a picture.

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/picture_measures.h"

#include "base/fail.h"
#include "control/region/raster.h"
#include "pipeline/picture/mask_picture.h"

namespace corepulse {

std::vector<double> region_mask(const Region& region, int width, int height) {
  constexpr int kLargest = 8192;
  if (std::min(width, height) < 1 || std::max(width, height) > kLargest)
    fail(ErrorCode::invalid_request, "region",
         fmt::format("a mask of {} x {}; expected sides of 1 to {}", width, height, kLargest));
  pipeline::MaskPictures pictures;
  const control::Canvas canvas{height, width, [&](const Region& part) { return pictures.read(part); }};
  const auto mask = control::rasterize(region, canvas, "region");
  std::vector<double> values;
  values.reserve(size_t(width) * height);
  for (int y = 0; y < height; ++y)  // halved where it is large: then several pixels have their cell's value
    for (int x = 0; x < width; ++x)
      values.push_back(mask.values[size_t(int64_t(y) * mask.height / height) * mask.width +
                                   size_t(int64_t(x) * mask.width / width)]);
  return values;
}

}  // namespace corepulse
