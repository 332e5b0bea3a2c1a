#include "pipeline/picture/mask_picture.h"

#include <fmt/format.h>

#include "corepulse/image.h"

#include "base/fail.h"
#include "io/base64.h"
#include "io/file.h"
#include "io/picture/image_format.h"
#include "pipeline/picture/picture_file.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse::pipeline {
namespace {

std::string bytes_of(const Region& region) {
  if (region.data.empty()) return io::read_file(region.file, io::kMostImageFile);
  auto bytes = io::from_base64(region.data);
  if (!bytes)
    fail(ErrorCode::invalid_request, "region", "the embedded picture is no base64; expected a picture file's bytes");
  return *std::move(bytes);
}

control::MaskPicture mask_of(const Image& image, PictureChannel channel, const std::string& file) {
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

/** A grey picture whose luminance is the mask, in base64; "" if it is too large to be kept in a recipe. */
std::string embeddable(const control::MaskPicture& mask) {
  if (mask.values.size() > MaskPictures::kMostPixels) return "";
  const auto png = io::encode_png({mask.width, mask.height, mask.values, {}}, {});
  return png.size() <= MaskPictures::kMostEmbedded ? io::to_base64(png) : "";
}

}  // namespace

control::MaskPicture MaskPictures::read(const Region& region) {
  const bool embedded = !region.data.empty();
  const auto read = checked_picture(bytes_of(region), embedded ? "" : region.file, region.sha256, "region");
  auto mask = mask_of(read.image, region.channel, read.name);
  if (!embedded) kept_[{region.file, region.channel}] = {embeddable(mask), read.sha256};
  return mask;
}

void MaskPictures::keep_picture(Region& region) {
  const auto found = kept_.find({region.file, region.channel});
  if (!region.data.empty() || found == kept_.end()) return;
  const auto& [png, digest] = found->second;
  if (png.empty() || embedded_ + png.size() > kMostInAll) {
    region.sha256 = digest;
    return;
  }
  embedded_ += png.size();
  region.file.clear(), region.sha256.clear();
  region.data = png, region.channel = PictureChannel::luminance;
}

void MaskPictures::keep(Region& region) {
  visit_pictures(region, [this](Region& picture) { keep_picture(picture); });
}

void MaskPictures::keep(std::vector<Control>& controls) {
  for (auto& control : controls) visit_pictures(control, [this](Region& picture) { keep_picture(picture); });
}

}  // namespace corepulse::pipeline
