#include "pipeline/init/picture.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/fail.h"
#include "io/base64.h"
#include "io/file.h"
#include "io/picture/image_format.h"
#include "pipeline/init/resize.h"
#include "pipeline/picture/picture_file.h"

namespace corepulse::pipeline {
namespace {

std::string picture_bytes(const InitPicture& init, const char* where) {
  if (init.file.empty() == init.data.empty())
    fail(ErrorCode::invalid_request, where, "expected either file, a picture's name, or data, the picture itself");
  if (init.data.empty()) return io::read_file(init.file, io::kMostImageFile);
  auto bytes = io::from_base64(init.data);
  if (!bytes)
    fail(ErrorCode::invalid_request, fmt::format("{}.data", where), "no base64; expected a picture file's bytes in it");
  return *std::move(bytes);
}

/** Pixels come over black: what is missing of the white behind them is 255 - alpha. */
void lay_over_white(Image& image) {
  for (size_t i = 0; i < image.alpha.size(); ++i)
    for (size_t c = 0; c < 3; ++c) {
      auto& value = image.pixels[3 * i + c];
      value = static_cast<uint8_t>(std::min(255, value + 255 - image.alpha[i]));
    }
  image.alpha.clear();
}

/** The largest part of the size's proportions, from the middle; in Pillow's own order of operations. */
Box middle_of(const Image& image, int width, int height) {
  const double across = image.width, down = image.height;
  const double own = across / down, wanted = static_cast<double>(width) / height;
  double part_width = across, part_height = down;
  if (own > wanted) part_width = wanted * down;
  if (own < wanted) part_height = across / wanted;
  const double left = (across - part_width) * 0.5, top = (down - part_height) * 0.5;
  return {static_cast<float>(left), static_cast<float>(top), static_cast<float>(left + part_width),
          static_cast<float>(top + part_height)};
}

/** The picture at a place on a canvas, its edges repeated to all sides. */
Image on_canvas(const Image& image, int left, int top, int width, int height) {
  Image canvas{width, height, std::vector<uint8_t>(size_t{3} * width * height), {}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const int from_x = std::clamp(x - left, 0, image.width - 1), from_y = std::clamp(y - top, 0, image.height - 1);
      const auto from = image.pixels.begin() + (static_cast<ptrdiff_t>(from_y) * image.width + from_x) * 3;
      std::copy_n(from, 3, canvas.pixels.begin() + (static_cast<ptrdiff_t>(y) * width + x) * 3);
    }
  return canvas;
}

Image padded(const Image& image, int width, int height, Resample filter) {
  const double own = static_cast<double>(image.width) / image.height, wanted = static_cast<double>(width) / height;
  const double down = static_cast<double>(image.height) / image.width * width;
  const double across = static_cast<double>(image.width) / image.height * height;
  const int inner_height = own > wanted ? std::max(1, static_cast<int>(std::nearbyint(down))) : height;
  const int inner_width = own < wanted ? std::max(1, static_cast<int>(std::nearbyint(across))) : width;
  const auto inner = resize(image, filter, whole_of(image), inner_width, inner_height);
  const auto half = [](int room) { return static_cast<int>(std::nearbyint(room * 0.5)); };
  return on_canvas(inner, half(width - inner_width), half(height - inner_height), width, height);
}

}  // namespace

StartPicture read_start_picture(const InitPicture& init, const char* where) {
  auto read = checked_picture(picture_bytes(init, where), init.file, init.sha256, where);
  lay_over_white(read.image);
  return {std::move(read.image), std::move(read.sha256)};
}

Image fitted(const Image& image, Fit fit, int width, int height, Resample filter) {
  switch (fit) {
    case Fit::crop:
      return resize(image, filter, middle_of(image, width, height), width, height);
    case Fit::pad:
      return padded(image, width, height, filter);
    case Fit::stretch:
      return resize(image, filter, whole_of(image), width, height);
  }
  fail(ErrorCode::internal, "init", "no such fit");
}

Margins margins_of(const InitPicture& init, int multiple) {
  const auto& grow = init.grow;
  if (grow.empty()) return {};
  const bool fine = std::all_of(grow.begin(), grow.end(), [=](int n) { return n >= 0 && n % multiple == 0; });
  if (grow.size() != 4 || !fine)
    fail(ErrorCode::invalid_request, "init.grow",
         fmt::format("[{}]; expected [left, top, right, bottom], each a multiple of {}, 0 or more",
                     fmt::join(grow, ", "), multiple));
  return {grow[0], grow[1], grow[2], grow[3]};
}

Image with_margins(const Image& image, const Margins& m) {
  return on_canvas(image, m.left, m.top, m.left + image.width + m.right, m.top + image.height + m.bottom);
}

PictureSize size_like(PictureSize picture, PictureSize given, PictureSize native, int multiple) {
  const double pixels = static_cast<double>(native.width) * native.height;
  const double proportion = static_cast<double>(picture.width) / picture.height;
  const auto side = [multiple](double length) {
    return std::max(multiple, static_cast<int>(std::nearbyint(length / multiple)) * multiple);
  };
  const bool wide = given.width != 0, high = given.height != 0;
  return {wide   ? given.width
          : high ? side(given.height * proportion)
                 : side(std::sqrt(pixels * proportion)),
          high   ? given.height
          : wide ? side(given.width / proportion)
                 : side(std::sqrt(pixels / proportion))};
}

}  // namespace corepulse::pipeline
