// JPEG through libjpeg-turbo. Its errors leave by longjmp, so functions that set one up hold
// nothing with a destructor.
#include <csetjmp>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <fmt/format.h>
#include <jerror.h>
#include <jpeglib.h>
#include <vector>

#include "base/fail.h"
#include "io/picture/exif.h"
#include "io/picture/image_format.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

using namespace std::string_view_literals;

constexpr int kMostSide = 65500, kMostScans = 200;
constexpr size_t kMostSegment = 65533;
constexpr auto kExif = "Exif\0\0"sv;

struct JpegFailure : jpeg_error_mgr {
  jmp_buf jump;
  char message[JMSG_LENGTH_MAX] = "";

  JpegFailure() {
    jpeg_std_error(this);
    error_exit = on_error;
    emit_message = on_message;
    output_message = [](j_common_ptr) {};
  }
  [[noreturn]] static void on_error(j_common_ptr common) {
    auto* failure = static_cast<JpegFailure*>(common->err);
    failure->format_message(common, failure->message);
    std::longjmp(failure->jump, 1);
  }
  // libjpeg goes on with grey pixels where data is missing; here that is an error. Level -1 is
  // "corrupt data".
  static void on_message(j_common_ptr common, int level) {
    const int code = common->err->msg_code;
    const bool harmless = code == JWRN_EXTRANEOUS_DATA || code == JWRN_JFIF_MAJOR || code == JWRN_ADOBE_XFORM;
    if (level < 0 && !harmless) on_error(common);
  }
};

struct Compressor {
  JpegFailure failure;
  jpeg_compress_struct jpeg{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;
  ~Compressor() { jpeg_destroy_compress(&jpeg); }

  // After a failure `bytes` may be stale and is not freed: libjpeg moves its buffer without
  // telling.
  bool write(const Image& image, std::string_view exif) {
    jpeg.err = &failure;
    if (setjmp(failure.jump)) return false;
    jpeg_create_compress(&jpeg);
    jpeg_mem_dest(&jpeg, &bytes, &size);
    jpeg.image_width = static_cast<JDIMENSION>(image.width);
    jpeg.image_height = static_cast<JDIMENSION>(image.height);
    jpeg.input_components = 3;
    jpeg.in_color_space = JCS_RGB;
    jpeg_set_defaults(&jpeg);
    jpeg_set_quality(&jpeg, 95, TRUE);
    jpeg.comp_info[0].h_samp_factor = jpeg.comp_info[0].v_samp_factor = 1;  // 4:4:4
    jpeg_start_compress(&jpeg, TRUE);
    if (!exif.empty())
      jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(exif.data()),
                        static_cast<unsigned>(exif.size()));
    while (jpeg.next_scanline < jpeg.image_height) {
      JSAMPROW row = const_cast<JSAMPROW>(image.pixels.data() + size_t{3} * image.width * jpeg.next_scanline);
      jpeg_write_scanlines(&jpeg, &row, 1);
    }
    jpeg_finish_compress(&jpeg);
    return true;
  }
};

struct Decompressor {
  JpegFailure failure;
  jpeg_progress_mgr progress{};
  jpeg_decompress_struct jpeg{};
  ~Decompressor() { jpeg_destroy_decompress(&jpeg); }

  // A small progressive file can ask for thousands of passes over a large picture.
  static void count_scans(j_common_ptr common) {
    if (reinterpret_cast<j_decompress_ptr>(common)->input_scan_number <= kMostScans) return;
    auto* failure = static_cast<JpegFailure*>(common->err);
    std::snprintf(failure->message, sizeof failure->message, "more than %d scans", kMostScans);
    std::longjmp(failure->jump, 1);
  }

  bool read_header(std::string_view bytes) {
    jpeg.err = &failure;
    if (setjmp(failure.jump)) return false;
    jpeg_create_decompress(&jpeg);
    jpeg.progress = &progress;
    progress.progress_monitor = count_scans;
    jpeg_mem_src(&jpeg, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
    jpeg_read_header(&jpeg, TRUE);
    const bool four = jpeg.num_components == 4;
    jpeg.out_color_space = four ? JCS_CMYK : JCS_RGB;
    return true;
  }

  bool read_rows(uint8_t* pixels, uint8_t* row) {
    if (setjmp(failure.jump)) return false;
    jpeg_start_decompress(&jpeg);
    const size_t width = jpeg.output_width;
    const bool four = jpeg.output_components == 4;
    while (jpeg.output_scanline < jpeg.output_height) {
      uint8_t* to = pixels + size_t{jpeg.output_scanline} * width * 3;
      JSAMPROW rows[] = {four ? row : to};
      jpeg_read_scanlines(&jpeg, rows, 1);
      // Adobe stores CMYK inverted: 255 is no ink.
      const uint8_t flip = jpeg.saw_Adobe_marker ? 0 : 255;
      for (size_t i = 0; four && i < 3 * width; ++i)
        to[i] = over_black(row[i / 3 * 4 + i % 3] ^ flip, row[i / 3 * 4 + 3] ^ flip);
    }
    jpeg_finish_decompress(&jpeg);
    return true;
  }
};

}  // namespace

std::string jpeg_exif(const ImageText& text) {
  std::string exif = text.empty() ? "" : std::string(kExif) + write_exif(text);
  if (exif.size() > kMostSegment)
    fail(ErrorCode::invalid_request, "image",
         fmt::format("{} bytes of text; JPEG holds at most {}; write PNG or WebP", exif.size(), kMostSegment));
  return exif;
}

std::string encode_jpeg(const Image& image, const ImageText& text) {
  if (image.width > kMostSide || image.height > kMostSide)
    fail(ErrorCode::invalid_request, "image",
         fmt::format("{} x {} pixels; JPEG holds at most {} a side; write PNG", image.width, image.height, kMostSide));
  const std::string exif = jpeg_exif(text);
  Compressor compressor;
  if (!compressor.write(image, exif))
    fail(ErrorCode::out_of_memory, "image", fmt::format("cannot encode a JPEG: {}", compressor.failure.message));
  std::string bytes(reinterpret_cast<char*>(compressor.bytes), compressor.size);
  std::free(compressor.bytes);
  return bytes;
}

Image decode_jpeg(std::string_view bytes, std::string_view file) {
  Decompressor decompressor;
  const auto check = [&](bool done) {
    if (!done)
      fail(ErrorCode::bad_file, "image",
           fmt::format("{}: damaged JPEG: {}", file, printable(decompressor.failure.message)));
  };
  check(decompressor.read_header(bytes));
  const auto width = decompressor.jpeg.image_width, height = decompressor.jpeg.image_height;
  check_image_size(width, height, file);
  Image image{static_cast<int>(width), static_cast<int>(height), std::vector<uint8_t>(size_t{3} * width * height)};
  std::vector<uint8_t> row(size_t{4} * width);
  check(decompressor.read_rows(image.pixels.data(), row.data()));
  return image;
}

std::string_view find_jpeg_exif(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  for (size_t at = 2; at + 4 <= bytes.size() && byte(at) == 0xFF;) {
    const unsigned marker = byte(at + 1);
    if (marker == 0xFF) {  // padding
      ++at;
      continue;
    }
    if (marker == 0xDA || marker == 0xD9) break;  // pixels begin, or the end
    const size_t size = byte(at + 2) << 8 | byte(at + 3);
    if (size < 2 || size > bytes.size() - at - 2) break;
    const auto body = bytes.substr(at + 4, size - 2);
    if (marker == 0xE1 && body.substr(0, kExif.size()) == kExif) return body.substr(kExif.size());
    at += 2 + size;
  }
  return {};
}

}  // namespace corepulse::io
