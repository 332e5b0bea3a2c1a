// PNG through libpng. Its errors leave by longjmp, so functions that set one up hold nothing with a
// destructor.
#include <csetjmp>
#include <cstring>
#include <fmt/format.h>
#include <png.h>
#include <vector>

#include "base/fail.h"
#include "io/picture/image_format.h"
#include "io/utf8.h"

namespace corepulse::io {
namespace {

struct PngFailure {
  jmp_buf jump;
  char message[128] = "";
};

[[noreturn]] void on_error(png_structp png, png_const_charp message) {
  auto* failure = static_cast<PngFailure*>(png_get_error_ptr(png));
  std::snprintf(failure->message, sizeof failure->message, "%s", message);
  std::longjmp(failure->jump, 1);
}

void on_warning(png_structp, png_const_charp) {}

void append(png_structp png, png_bytep bytes, size_t size) {
  bool stored = true;
  try {
    static_cast<std::string*>(png_get_io_ptr(png))->append(reinterpret_cast<char*>(bytes), size);
  } catch (...) {
    stored = false;  // an exception must not cross libpng
  }
  if (!stored) png_error(png, "no memory");
}

void flush(png_structp) {}

struct Writer {
  PngFailure failure;
  std::string bytes;
  png_structp png = nullptr;
  png_infop info = nullptr;
  ~Writer() { png_destroy_write_struct(&png, &info); }

  bool write(const Image& image, const png_text* texts, int count) {
    const size_t row = image.pixels.size() / static_cast<size_t>(image.height);
    const bool grey = row == static_cast<size_t>(image.width);
    if (setjmp(failure.jump)) return false;
    png = png_create_write_struct(PNG_LIBPNG_VER_STRING, &failure, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) return false;
    png_set_write_fn(png, &bytes, append, flush);
    png_set_user_limits(png, 0x7FFFFFFF, 0x7FFFFFFF);
    png_set_IHDR(png, info, static_cast<png_uint_32>(image.width), static_cast<png_uint_32>(image.height), 8,
                 grey ? PNG_COLOR_TYPE_GRAY : PNG_COLOR_TYPE_RGB, PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT,
                 PNG_FILTER_TYPE_DEFAULT);
    png_set_compression_level(png, 3);  // a third of the default's time for a few percent of size
    if (count > 0) png_set_text(png, info, texts, count);
    png_write_info(png, info);
    for (int y = 0; y < image.height; ++y) png_write_row(png, image.pixels.data() + row * static_cast<size_t>(y));
    png_write_end(png, nullptr);
    return true;
  }
};

// tEXt holds Latin-1 only; nullopt for other text.
std::optional<std::string> to_latin1(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size();) {
    const auto c = next_code_point(text, i);
    if (!c || *c > 0xFF) return std::nullopt;
    out += static_cast<char>(*c);
  }
  return out;
}

struct Source {
  const char* at;
  size_t left;
};

void take(png_structp png, png_bytep to, size_t size) {
  auto* source = static_cast<Source*>(png_get_io_ptr(png));
  if (size > source->left) png_error(png, "it is cut short");
  std::memcpy(to, source->at, size);
  source->at += size, source->left -= size;
}

struct Reader {
  PngFailure failure;
  Source source{};
  png_structp png = nullptr;
  png_infop info = nullptr;
  png_uint_32 width = 0, height = 0;
  int channels = 0;
  ~Reader() { png_destroy_read_struct(&png, &info, nullptr); }

  bool read_header() {
    // Chunks that change nothing here and may unpack to much.
    static const png_byte ignored[] =
        "iCCP\0tEXt\0zTXt\0iTXt\0eXIf\0sPLT\0hIST\0pCAL\0sCAL\0tIME\0gAMA\0cHRM\0sRGB\0bKGD";
    if (setjmp(failure.jump)) return false;
    png = png_create_read_struct(PNG_LIBPNG_VER_STRING, &failure, on_error, on_warning);
    if (png) info = png_create_info_struct(png);
    if (!info) return false;
    png_set_read_fn(png, &source, take);
    png_set_user_limits(png, 1 << 26, 1 << 26);
    png_set_chunk_malloc_max(png, 8 << 20);
    png_set_chunk_cache_max(png, 128);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, nullptr, 0);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, ignored, sizeof ignored / 5);
    png_read_info(png, info);
    width = png_get_image_width(png, info), height = png_get_image_height(png, info);
    return true;
  }

  // Any kind of PNG becomes 8-bit RGB or RGBA.
  bool prepare() {
    if (setjmp(failure.jump)) return false;
    png_set_expand(png);
    png_set_scale_16(png);
    png_set_gray_to_rgb(png);
    png_set_interlace_handling(png);
    png_read_update_info(png, info);
    channels = png_get_channels(png, info);
    return true;
  }

  bool read_rows(png_bytepp rows) {
    if (setjmp(failure.jump)) return false;
    png_read_image(png, rows);
    png_read_end(png, nullptr);
    return true;
  }
};

}  // namespace

std::string encode_png(const Image& image, const ImageText& text) {
  std::vector<std::pair<std::string, std::string>> stored;  // keeps alive what png_text points to
  std::vector<png_text> texts;
  stored.reserve(text.size());
  for (const auto& [key, value] : text) {
    const auto latin1 = to_latin1(value);
    stored.emplace_back(key, latin1.value_or(value));
    png_text entry{};
    entry.compression = latin1 ? PNG_TEXT_COMPRESSION_NONE : PNG_ITXT_COMPRESSION_NONE;
    entry.key = stored.back().first.data();
    entry.text = stored.back().second.data();
    (latin1 ? entry.text_length : entry.itxt_length) = stored.back().second.size();
    texts.push_back(entry);
  }
  Writer writer;
  if (!writer.write(image, texts.data(), static_cast<int>(texts.size())))
    fail(ErrorCode::out_of_memory, "image", fmt::format("cannot encode a PNG: {}", writer.failure.message));
  return std::move(writer.bytes);
}

Image decode_png(std::string_view bytes, std::string_view file) {
  Reader reader;
  reader.source = {bytes.data(), bytes.size()};
  const auto check = [&](bool done) {
    if (!done)
      fail(ErrorCode::bad_file, "image", fmt::format("{}: damaged PNG: {}", file, printable(reader.failure.message)));
  };
  check(reader.read_header());
  check_image_size(reader.width, reader.height, file);
  check(reader.prepare());
  Image image{static_cast<int>(reader.width), static_cast<int>(reader.height), {}};
  const size_t count = size_t{reader.width} * reader.height;
  std::vector<uint8_t> pixels(count * reader.channels);
  std::vector<png_bytep> rows(reader.height);
  for (size_t y = 0; y < rows.size(); ++y) rows[y] = pixels.data() + y * reader.width * reader.channels;
  check(reader.read_rows(rows.data()));
  image.pixels = std::move(pixels);
  if (reader.channels == 4) part_alpha(image);
  return image;
}

}  // namespace corepulse::io
