// WebP: pixels through libwebp; the RIFF container around them, which holds the text, is small
// enough to write here.
#include <fmt/format.h>
#include <memory>
#include <webp/decode.h>
#include <webp/encode.h>

#include "base/fail.h"
#include "io/picture/exif.h"
#include "io/picture/image_format.h"

namespace corepulse::io {
namespace {

constexpr float kQuality = 95;
constexpr unsigned kHasExif = 0x08;

void put_number(std::string& out, uint64_t value, int bytes) {
  for (; bytes > 0; --bytes, value >>= 8) out += static_cast<char>(value & 0xFF);
}

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (int i = 3; i >= 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i]);
  return value;
}

void put_chunk(std::string& out, std::string_view name, std::string_view data) {
  out += name;
  put_number(out, data.size(), 4);
  out += data;
  if (data.size() % 2) out += '\0';
}

// libwebp's plain file (RIFF header and one chunk of pixels) as an extended one with EXIF.
std::string with_exif(std::string_view plain, const Image& image, std::string_view exif) {
  std::string extended;
  put_number(extended, kHasExif, 4);
  put_number(extended, static_cast<uint64_t>(image.width) - 1, 3);
  put_number(extended, static_cast<uint64_t>(image.height) - 1, 3);
  std::string body("WEBP");
  put_chunk(body, "VP8X", extended);
  body += plain.substr(12);
  put_chunk(body, "EXIF", exif);
  std::string out("RIFF");
  put_number(out, body.size(), 4);
  return out + body;
}

}  // namespace

std::string encode_webp(const Image& image, const ImageText& text) {
  if (image.width > WEBP_MAX_DIMENSION || image.height > WEBP_MAX_DIMENSION)
    fail(ErrorCode::invalid_request, "image",
         fmt::format("{} x {} pixels; WebP holds at most {} a side; write PNG", image.width, image.height,
                     WEBP_MAX_DIMENSION));
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeRGB(image.pixels.data(), image.width, image.height, 3 * image.width, kQuality, &bytes);
  const std::unique_ptr<uint8_t, void (*)(void*)> owner(bytes, WebPFree);
  if (size == 0) fail(ErrorCode::out_of_memory, "image", "cannot encode a WebP picture");
  const std::string_view plain(reinterpret_cast<char*>(bytes), size);
  return text.empty() ? std::string(plain) : with_exif(plain, image, write_exif(text));
}

Image decode_webp(std::string_view bytes, std::string_view file) {
  const auto* data = reinterpret_cast<const uint8_t*>(bytes.data());
  const auto damaged = [&](const char* what) { fail(ErrorCode::bad_file, "image", fmt::format("{}: {}", file, what)); };
  WebPBitstreamFeatures features;
  if (WebPGetFeatures(data, bytes.size(), &features) != VP8_STATUS_OK) damaged("damaged WebP");
  if (features.has_animation) damaged("an animation; expected one picture");
  check_image_size(static_cast<uint64_t>(features.width), static_cast<uint64_t>(features.height), file);
  Image image{features.width, features.height, {}};
  const size_t count = static_cast<size_t>(image.width) * image.height, channels = features.has_alpha ? 4 : 3;
  image.pixels.resize(count * channels);
  const int stride = static_cast<int>(channels) * image.width;
  const auto decode = features.has_alpha ? WebPDecodeRGBAInto : WebPDecodeRGBInto;
  if (!decode(data, bytes.size(), image.pixels.data(), image.pixels.size(), stride)) damaged("damaged WebP");
  if (features.has_alpha) part_alpha(image);
  return image;
}

std::string_view find_webp_exif(std::string_view bytes) {
  for (size_t at = 12; at + 8 <= bytes.size();) {
    const size_t size = little_endian(bytes.substr(at + 4));
    if (size > bytes.size() - at - 8) break;
    auto body = bytes.substr(at + 8, size);
    if (bytes.substr(at, 4) == "EXIF") {
      if (body.substr(0, 4) == "Exif") body.remove_prefix(std::min<size_t>(6, body.size()));  // as in JPEG
      return body;
    }
    at += 8 + size + size % 2;
  }
  return {};
}

}  // namespace corepulse::io
