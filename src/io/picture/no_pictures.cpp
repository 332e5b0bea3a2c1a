// A build without picture libraries (COREPULSE_PICTURES=OFF): everything but reading and writing picture files.
#include "base/fail.h"
#include "io/picture/image_format.h"

namespace corepulse::io {
namespace {

[[noreturn]] void absent() {
  fail(ErrorCode::invalid_request, "image",
       "picture files; expected a build with libpng, libjpeg and libwebp; configure with COREPULSE_PICTURES=ON");
}

}  // namespace

std::string encode_png(const Image&, const ImageText&) {
  absent();
}

std::string encode_jpeg(const Image&, const ImageText&) {
  absent();
}

std::string encode_webp(const Image&, const ImageText&) {
  absent();
}

Image decode_png(std::string_view, std::string_view) {
  absent();
}

Image decode_jpeg(std::string_view, std::string_view) {
  absent();
}

Image decode_webp(std::string_view, std::string_view) {
  absent();
}

std::string jpeg_exif(const ImageText&) {
  absent();
}

std::string_view find_jpeg_exif(std::string_view) {
  absent();
}

std::string_view find_webp_exif(std::string_view) {
  absent();
}

}  // namespace corepulse::io
