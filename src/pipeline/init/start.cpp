#include "pipeline/init/start.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

Image placed(const Image& image, Fit fit, const Margins& m, int width, int height) {
  return with_margins(fitted(image, fit, width - m.left - m.right, height - m.top - m.bottom), m);
}

/** A mask that was painted over the picture's file goes where the picture goes. */
control::MaskPicture placed_like(const Image& source, Fit fit, const Margins& m, int width, int height,
                                 control::MaskPicture mask) {
  if (mask.width != source.width || mask.height != source.height) return mask;
  Image grey{mask.width, mask.height, std::vector<uint8_t>(3 * mask.values.size()), {}};
  for (size_t i = 0; i < mask.values.size(); ++i) std::fill_n(grey.pixels.begin() + 3 * i, 3, mask.values[i]);
  const auto there = placed(grey, fit, m, width, height);
  mask = {width, height, std::vector<uint8_t>(there.pixels.size() / 3)};
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = there.pixels[3 * i];
  return mask;
}

/** Where the canvas grew. */
Region outside(const Margins& m, int width, int height) {
  return !rectangle(m.left, m.top, width - m.left - m.right, height - m.top - m.bottom).pixels();
}

}  // namespace

Start start_from(const StartPicture& source, const Margins& margins, Recipe& recipe, MaskPictures& masks) {
  auto& init = *recipe.init;
  const int width = recipe.width, height = recipe.height;
  Start start{placed(source.image, init.fit, margins, width, height), {}};
  if (init.data.empty()) init.sha256 = source.sha256;
  const control::Canvas canvas{height, width, [&](const Region& region) {
                                 return placed_like(source.image, init.fit, margins, width, height, masks.read(region));
                               }};
  if (!init.grow.empty()) start.mask = control::rasterize(outside(margins, width, height), canvas, "init.grow");
  if (!init.mask) return start;
  const auto drawn = control::rasterize(*init.mask, canvas, "init.mask");
  masks.keep(*init.mask);
  if (!start.mask) start.mask = control::Mask{drawn.height, drawn.width, std::vector<double>(drawn.values.size())};
  auto& values = start.mask->values;
  std::transform(values.begin(), values.end(), drawn.values.begin(), values.begin(),
                 [](double a, double b) { return std::max(a, b); });
  if (std::all_of(values.begin(), values.end(), [](double v) { return v == 0; }))
    fail(ErrorCode::invalid_request, "init.mask",
         "it is 0 everywhere, so that nothing would be drawn; expected a part of the picture");
  return start;
}

double at_pixel(const control::Mask& mask, int x, int y, int width, int height) {
  const auto along = [](int i, int cells, int pixels) {
    return std::clamp((i + 0.5) * cells / pixels - 0.5, 0.0, cells - 1.0);
  };
  const double column = along(x, mask.width, width), row = along(y, mask.height, height);
  const int left = static_cast<int>(column), top = static_cast<int>(row);
  const int right = std::min(left + 1, mask.width - 1), bottom = std::min(top + 1, mask.height - 1);
  const auto value = [&mask](int i, int j) { return mask.values[static_cast<size_t>(i) * mask.width + j]; };
  return std::lerp(std::lerp(value(top, left), value(top, right), column - left),
                   std::lerp(value(bottom, left), value(bottom, right), column - left), row - top);
}

int steps_of_value(double value, int steps) {
  return static_cast<int>(value * steps + 0.01);  // 0.7 of 10 is 7, though masks are rounded to 2^-16
}

void paste(const Start& start, SoftMask soft, int steps, Image& drawn) {
  if (!start.mask) return;
  for (int y = 0; y < drawn.height; ++y)
    for (int x = 0; x < drawn.width; ++x) {
      double share = at_pixel(*start.mask, x, y, drawn.width, drawn.height);
      if (soft == SoftMask::strength) share = steps_of_value(share, steps) > 0 ? 1 : 0;
      const size_t first = (static_cast<size_t>(y) * drawn.width + x) * 3;
      for (size_t i = first; i < first + 3; ++i)
        drawn.pixels[i] = static_cast<uint8_t>(std::lerp(start.picture.pixels[i], drawn.pixels[i], share) + 0.5);
    }
}

}  // namespace corepulse::pipeline
