// A picture that is decoded has the pixels that its size promises. Large ones are left out: they are only slow.
#include "fuzz.h"
#include "io/picture/image_format.h"

namespace {

using namespace corepulse;

uint32_t big_endian(std::string_view bytes, size_t at, int count) {
  uint32_t value = 0;
  for (int i = 0; i < count; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  return value;
}

// A cheap look at PNG's header and at WebP's and JPEG's likely size fields.
bool small(std::string_view bytes) {
  if (bytes.size() > 24 && bytes[0] == '\x89') {
    const uint64_t width = big_endian(bytes, 16, 4), height = big_endian(bytes, 20, 4);
    return width * height < 1u << 20;
  }
  for (const char frame : {'\xc0', '\xc1', '\xc2', '\xc9', '\xca'})
    for (size_t at = 0; (at = bytes.find(std::string{'\xff', frame}, at)) != bytes.npos; ++at)
      if (at + 9 <= bytes.size() && uint64_t{big_endian(bytes, at + 5, 2)} * big_endian(bytes, at + 7, 2) > 1u << 20)
        return false;
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto input = fuzz::text(data, size);
  if (!small(input)) return 0;
  fuzz::accepts({ErrorCode::bad_file}, [&] {
    const auto image = io::decode_image(input, "picture");
    fuzz::require(image.width > 0 && image.height > 0);
    const uint64_t pixels = uint64_t(image.width) * uint64_t(image.height);
    fuzz::require(pixels <= io::kMostPixels && image.pixels.size() == 3 * pixels);
  });
  return 0;
}
