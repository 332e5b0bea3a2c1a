#include "pipeline/init/only_masked.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::pipeline {
namespace {

constexpr int kMostPadding = 8192;
constexpr int64_t kMostPixels = int64_t{8192} * 8192;
constexpr double kLeastShare = 1.0 / 512;  // less of what is drawn changes no byte

/** Pixels along one side. */
struct Side {
  int begin = 0, end = 0;
};

/** Cells begin..last of a mask's side as pixels, with padding, within the picture. */
Side padded_span(int first, int last, int cells, int pixels, int padding) {
  const double size = static_cast<double>(pixels) / cells;
  return {std::max(0, static_cast<int>(std::floor(first * size)) - padding),
          std::min(pixels, static_cast<int>(std::ceil((last + 1) * size)) + padding)};
}

control::PixelBox touched_by(const control::Mask& mask, const Image& whole, int padding) {
  int left = mask.width, top = mask.height, right = -1, bottom = -1;
  for (int y = 0; y < mask.height; ++y)
    for (int x = 0; x < mask.width; ++x) {
      if (mask.values[static_cast<size_t>(y) * mask.width + x] < kLeastShare) continue;
      left = std::min(left, x), right = std::max(right, x);
      top = std::min(top, y), bottom = std::max(bottom, y);
    }
  if (right < 0)
    fail(ErrorCode::invalid_request, "init.only_masked",
         "the mask is 0 everywhere, so that there is nothing to draw; expected a part of the picture");
  const auto x = padded_span(left, right, mask.width, whole.width, padding);
  const auto y = padded_span(top, bottom, mask.height, whole.height, padding);
  return {x.begin, y.begin, x.end - x.begin, y.end - y.begin};
}

/** So many pixels around the middle of the span: inside the picture if they fit, else around its middle. */
int begin_of(int begin, int size, int wanted, int pixels) {
  if (wanted > pixels) return (pixels - wanted) / 2;
  return std::clamp(begin - (wanted - size) / 2, 0, pixels - wanted);
}

}  // namespace

MaskedPart masked_part(const StartPicture& source, const Margins& margins, InitPicture& init, MaskPictures& masks) {
  const int padding = *init.only_masked;
  if (padding < 0 || padding > kMostPadding)
    fail(ErrorCode::invalid_request, "init.only_masked",
         fmt::format("{}; expected the pixels around the mask, 0 to {}", padding, kMostPadding));
  const int width = source.image.width + margins.left + margins.right;
  const int height = source.image.height + margins.top + margins.bottom;
  auto mask = start_mask(source, margins, init, {width, height}, /*finely=*/true, masks);
  if (!mask)
    fail(ErrorCode::invalid_request, "init.only_masked",
         "there is no mask; expected init.mask (--repaint), or init.grow");
  MaskedPart masked{with_margins(source.image, margins), std::move(*mask), {}};
  masked.touched = touched_by(masked.mask, masked.whole, padding);
  return masked;
}

control::PixelBox drawn_part(const MaskedPart& masked, int width, int height) {
  const auto& [left, top, across, down] = masked.touched;
  const double proportion = static_cast<double>(width) / height;
  const auto wide = std::max<int64_t>(across, std::llround(down * proportion));
  const auto high = std::max<int64_t>(down, std::llround(across / proportion));
  if (wide * high > kMostPixels)
    fail(ErrorCode::invalid_request, "init.only_masked",
         fmt::format("a part of {}x{} in the proportions of {}x{} would have {}x{} pixels; expected a size more like "
                     "the part's",
                     across, down, width, height, wide, high));
  const int w = static_cast<int>(wide), h = static_cast<int>(high);
  return {begin_of(left, across, w, masked.whole.width), begin_of(top, down, h, masked.whole.height), w, h};
}

Start start_from(const MaskedPart& masked, int width, int height, Resample filter) {
  const auto& whole = masked.whole;
  const auto part = drawn_part(masked, width, height);
  const Margins around{-part.left, -part.top, part.left + part.width - whole.width,
                       part.top + part.height - whole.height};
  return {fitted(with_margins(whole, around), Fit::stretch, width, height, filter),
          control::part_of(masked.mask, whole.height, whole.width, part), Surroundings{whole, part}};
}

}  // namespace corepulse::pipeline
