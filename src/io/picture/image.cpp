#include "corepulse/image.h"

#include <algorithm>
#include <fmt/format.h>

#include "corepulse/host/image_bytes.h"

#include "base/fail.h"
#include "io/file.h"
#include "io/picture/exif.h"
#include "io/picture/image_format.h"
#include "io/utf8.h"

namespace corepulse {
namespace {

using namespace std::string_view_literals;
using io::ImageFormat;

ImageFormat format_of_name(const std::filesystem::path& file) {
  const auto extension = io::lower_extension(file);
  if (extension == ".png") return ImageFormat::png;
  if (extension == ".jpg" || extension == ".jpeg") return ImageFormat::jpeg;
  if (extension == ".webp") return ImageFormat::webp;
  fail(ErrorCode::invalid_request, "image",
       fmt::format("{}: the extension \"{}\"; expected .png, .jpg, .jpeg or .webp", io::shown(file),
                   io::printable(extension)));
}

void check_image(const Image& image) {
  const bool sized = image.width > 0 && image.height > 0;
  if (!sized || image.pixels.size() != size_t{3} * static_cast<size_t>(image.width) * static_cast<size_t>(image.height))
    fail(ErrorCode::invalid_request, "image",
         fmt::format("{} x {} pixels in {} bytes; expected width * height * 3 bytes, none of them 0", image.width,
                     image.height, image.pixels.size()));
}

// What all three formats can hold. PNG's keywords are the narrowest.
void check_text(const ImageText& text) {
  size_t total = 0;
  for (const auto& [key, value] : text) {
    const bool letters = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < '\x7f'; });
    if (key.empty() || key.size() > 79 || !letters)
      fail(ErrorCode::invalid_request, "image",
           fmt::format("the text key \"{}\"; expected 1 to 79 ASCII characters, no spaces", io::printable(key)));
    if (value.find('\0') != value.npos || !io::is_utf8(value))
      fail(ErrorCode::invalid_request, "image", fmt::format("the text \"{}\"; expected UTF-8 without NUL", key));
    total += value.size();
  }
  if (total > io::kMostImageText)
    fail(ErrorCode::invalid_request, "image",
         fmt::format("{} bytes of text; expected at most {}", total, io::kMostImageText));
}

}  // namespace

namespace io {

std::optional<ImageFormat> image_format_of(std::string_view bytes) {
  if (bytes.substr(0, 8) == "\x89PNG\r\n\x1a\n"sv) return ImageFormat::png;
  if (bytes.substr(0, 3) == "\xff\xd8\xff"sv) return ImageFormat::jpeg;
  if (bytes.substr(0, 4) == "RIFF"sv && bytes.size() >= 12 && bytes.substr(8, 4) == "WEBP"sv) return ImageFormat::webp;
  return std::nullopt;
}

namespace {

ImageFormat known_format(std::string_view bytes, std::string_view file) {
  const auto format = image_format_of(bytes);
  if (!format)
    fail(ErrorCode::bad_file, "image", fmt::format("{}: is not a picture; expected PNG, JPEG or WebP", file));
  return *format;
}

}  // namespace

void check_image_size(uint64_t width, uint64_t height, std::string_view file) {
  if (width == 0 || height == 0 || width > kMostPixels || height > kMostPixels || width * height > kMostPixels)
    fail(ErrorCode::bad_file, "image",
         fmt::format("{}: {} x {} pixels; expected at most {} in all", file, width, height, kMostPixels));
}

void part_alpha(Image& image) {
  auto& p = image.pixels;
  image.alpha.resize(p.size() / 4);
  for (size_t i = 0; i < image.alpha.size(); ++i) {
    image.alpha[i] = p[4 * i + 3];
    for (size_t c = 0; c < 3; ++c) p[3 * i + c] = over_black(p[4 * i + c], image.alpha[i]);
  }
  p.resize(3 * image.alpha.size());
}

Image decode_image(std::string_view bytes, std::string_view file) {
  switch (known_format(bytes, file)) {
    case ImageFormat::png:
      return decode_png(bytes, file);
    case ImageFormat::jpeg:
      return upright(decode_jpeg(bytes, file), read_exif_orientation(find_jpeg_exif(bytes)));
    case ImageFormat::webp:
      return upright(decode_webp(bytes, file), read_exif_orientation(find_webp_exif(bytes)));
  }
  fail(ErrorCode::internal, "image", "an unknown format");
}

ImageText read_image_text(std::string_view bytes, std::string_view file) {
  switch (known_format(bytes, file)) {
    case ImageFormat::png:
      return read_png_text(bytes, file);
    case ImageFormat::jpeg:
      return read_exif_text(find_jpeg_exif(bytes), file);
    case ImageFormat::webp:
      return read_exif_text(find_webp_exif(bytes), file);
  }
  fail(ErrorCode::internal, "image", "an unknown format");
}

}  // namespace io

std::string encode_image(const Image& image, const std::string& extension, const ImageText& text) {
  const auto format = format_of_name("image" + extension);
  check_image(image);
  check_text(text);
  return format == ImageFormat::png    ? io::encode_png(image, text)
         : format == ImageFormat::jpeg ? io::encode_jpeg(image, text)
                                       : io::encode_webp(image, text);
}

Image decode_image(std::string_view bytes, const std::string& name) {
  return io::decode_image(bytes, name);
}

ImageText image_text_of(std::string_view bytes, const std::string& name) {
  return io::read_image_text(bytes, name);
}

void save_image(const Image& image, const std::filesystem::path& file, const ImageText& text) {
  format_of_name(file);  // an error names the whole file
  const auto bytes = encode_image(image, file.extension().string(), text);
  io::write_file(file, std::as_bytes(std::span(bytes)));
}

Image load_image(const std::filesystem::path& file) {
  return io::decode_image(io::read_file(file, io::kMostImageFile), io::shown(file));
}

ImageText load_image_text(const std::filesystem::path& file) {
  return io::read_image_text(io::read_file(file, io::kMostImageFile), io::shown(file));
}

void check_text_fits(const ImageText& text, const std::filesystem::path& file) {
  const auto format = format_of_name(file);
  check_text(text);
  if (format == ImageFormat::jpeg) io::jpeg_exif(text);  // the others hold all that check_text lets through
}

void check_writable(const std::filesystem::path& file) {
  io::check_writable(file);
}

}  // namespace corepulse
