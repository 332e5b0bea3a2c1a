#include "pipeline/init/start.h"

#include <algorithm>
#include <cmath>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

Image placed(const Image& image, const InitPicture& init, const Margins& m, int width, int height) {
  return with_margins(fitted(image, init.fit, width - m.left - m.right, height - m.top - m.bottom, init.resample), m);
}

/** A mask that was painted over the picture's file goes where the picture goes. */
control::MaskPicture placed_like(const Image& source, const InitPicture& init, const Margins& m, int width, int height,
                                 control::MaskPicture mask) {
  if (mask.width != source.width || mask.height != source.height) return mask;
  Image grey{mask.width, mask.height, std::vector<uint8_t>(3 * mask.values.size()), {}};
  for (size_t i = 0; i < mask.values.size(); ++i) std::fill_n(grey.pixels.begin() + 3 * i, 3, mask.values[i]);
  const auto there = placed(grey, init, m, width, height);
  mask = {width, height, std::vector<uint8_t>(there.pixels.size() / 3)};
  for (size_t i = 0; i < mask.values.size(); ++i) mask.values[i] = there.pixels[3 * i];
  return mask;
}

/** Where the canvas grew. */
Region outside(const Margins& m, int width, int height) {
  return !rectangle(m.left, m.top, width - m.left - m.right, height - m.top - m.bottom).pixels();
}

/** How much of a drawn picture of this size is taken at its pixel (x, y). */
double share_of(const control::Mask& mask, SoftMask soft, int steps, int x, int y, int width, int height) {
  const double share = at_pixel(mask, x, y, width, height);
  return soft == SoftMask::blend ? share : steps_of_value(share, steps) > 0 ? 1 : 0;
}

/** Share(x, y) of the drawn picture over the other, whose pixel (left, top) is its first; what reaches over is left. */
template <class Share>
void lay_over(const Image& drawn, int left, int top, const Share& share, Image& other) {
  for (int y = std::max(0, -top); y < std::min(drawn.height, other.height - top); ++y)
    for (int x = std::max(0, -left); x < std::min(drawn.width, other.width - left); ++x) {
      const auto from = (static_cast<size_t>(y) * drawn.width + x) * 3;
      const auto to = (static_cast<size_t>(y + top) * other.width + x + left) * 3;
      for (size_t c = 0; c < 3; ++c) {
        auto& value = other.pixels[to + c];
        value = static_cast<uint8_t>(std::lerp(value, drawn.pixels[from + c], share(x, y)) + 0.5);
      }
    }
}

}  // namespace

std::optional<control::Mask> start_mask(const StartPicture& source, const Margins& margins, InitPicture& init,
                                        PictureSize size, bool finely, MaskPictures& masks) {
  const int width = size.width, height = size.height;
  control::Canvas canvas{height, width, [&](const Region& region) {
                           return placed_like(source.image, init, margins, width, height, masks.read(region));
                         }};
  if (finely) canvas.view = control::PixelBox{0, 0, width, height};
  std::optional<control::Mask> mask;
  if (!init.grow.empty()) mask = control::rasterize(outside(margins, width, height), canvas, "init.grow");
  if (!init.mask) return mask;
  const auto drawn = control::rasterize(*init.mask, canvas, "init.mask");
  masks.keep(*init.mask);
  if (!mask) mask = control::Mask{drawn.height, drawn.width, std::vector<double>(drawn.values.size())};
  auto& values = mask->values;
  std::transform(values.begin(), values.end(), drawn.values.begin(), values.begin(),
                 [](double a, double b) { return std::max(a, b); });
  if (std::all_of(values.begin(), values.end(), [](double v) { return v == 0; }))
    fail(ErrorCode::invalid_request, "init.mask",
         "it is 0 everywhere, so that nothing would be drawn; expected a part of the picture");
  return mask;
}

Start start_from(const StartPicture& source, const Margins& margins, Recipe& recipe, MaskPictures& masks) {
  auto& init = *recipe.init;
  return {placed(source.image, init, margins, recipe.width, recipe.height),
          start_mask(source, margins, init, {recipe.width, recipe.height}, /*finely=*/false, masks)};
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

void finish(const Start& start, const InitPicture& init, int steps, bool set_back, Image& drawn) {
  const auto* around = set_back && start.around ? &*start.around : nullptr;
  if (!around && !(init.paste && start.mask)) return;
  auto whole = around ? around->picture : start.picture;
  const control::PixelBox part = around ? around->part : control::PixelBox{0, 0, whole.width, whole.height};
  const auto there = around ? fitted(drawn, Fit::stretch, part.width, part.height, init.resample) : std::move(drawn);
  lay_over(
      there, part.left, part.top,
      [&](int x, int y) {
        return init.paste ? share_of(*start.mask, init.soft, steps, x, y, part.width, part.height) : 1;
      },
      whole);
  drawn = std::move(whole);
}

}  // namespace corepulse::pipeline
