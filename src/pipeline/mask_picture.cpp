#include "pipeline/mask_picture.h"

#include <fmt/format.h>

#include "corepulse/image.h"

#include "base/fail.h"

namespace corepulse::pipeline {

control::MaskPicture read_mask(const std::string& file, PictureChannel channel) {
  const auto image = load_image(file);
  if (channel == PictureChannel::alpha && image.alpha.empty())
    fail(ErrorCode::invalid_request, "region",
         fmt::format("{} has no alpha channel; expected one; use its luminance, or a picture with transparency", file));
  control::MaskPicture mask{image.width, image.height, {}};
  const size_t pixels = size_t(image.width) * image.height;
  mask.values.reserve(pixels);
  for (size_t i = 0; i < pixels; ++i) {
    const auto* rgb = &image.pixels[3 * i];
    mask.values.push_back(channel == PictureChannel::alpha
                              ? image.alpha[i]
                              : static_cast<uint8_t>(0.2126f * rgb[0] + 0.7152f * rgb[1] + 0.0722f * rgb[2] + 0.5f));
  }
  return mask;
}

}  // namespace corepulse::pipeline
