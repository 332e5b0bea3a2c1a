// The text of a picture is bounded and UTF-8, whatever the picture's bytes are.
#include <zlib.h>

#include "fuzz.h"
#include "io/picture/exif.h"
#include "io/picture/image_format.h"

namespace {

using namespace corepulse;

void check(const ImageText& text) {
  size_t total = 0;
  for (const auto& [key, value] : text) {
    fuzz::require(io::is_utf8(key) && io::is_utf8(value));
    total += key.size() + value.size();
  }
  fuzz::require(total < 2 * io::kMostImageText);
}

void put(std::string& out, uint32_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(value >> shift);
}

// The input cut into text chunks with right checksums: [type, length, bytes ...]...
std::string as_png(std::string_view input) {
  std::string png("\x89PNG\r\n\x1a\n");
  constexpr const char* kTypes[] = {"tEXt", "zTXt", "iTXt", "tIME"};
  while (input.size() >= 2) {
    const auto body = input.substr(2, static_cast<unsigned char>(input[1]));
    std::string chunk(kTypes[input[0] & 3]);
    chunk += body;
    put(png, static_cast<uint32_t>(body.size()));
    png += chunk;
    put(png,
        static_cast<uint32_t>(crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size()))));
    input.remove_prefix(2 + body.size());
  }
  return png + std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = fuzz::text(data, size);
  fuzz::accepts({ErrorCode::bad_file}, [&] { check(io::read_image_text(input, "picture")); });
  fuzz::accepts({ErrorCode::bad_file}, [&] { check(io::read_image_text(as_png(input), "picture")); });
  fuzz::accepts({ErrorCode::bad_file}, [&] { check(io::read_exif_text(input, "picture")); });
  const int orientation = io::read_exif_orientation(input);
  fuzz::require(orientation >= 1 && orientation <= 8);
  return 0;
}
