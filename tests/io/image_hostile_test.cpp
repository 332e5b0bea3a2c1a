// Pictures that lie about themselves, are damaged, or ask for too much.
#include <random>
#include <sys/resource.h>

#include "io/picture/exif.h"
#include "io/picture/image_format.h"
#include "pictures.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

using namespace std::string_literals;

std::string load_error(const std::string& bytes) {
  return refusal([&] { io::decode_image(bytes, "picture.png"); });
}

std::string big(uint32_t value, int bytes = 4) {
  std::string out;
  while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes));
  return out;
}

uint32_t crc(const std::string& bytes) {
  uint32_t c = ~0u;
  for (const unsigned char b : bytes) {
    c ^= b;
    for (int k = 0; k < 8; ++k) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
  }
  return ~c;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big(static_cast<uint32_t>(data.size())) + type + data + big(crc(type + data));
}

const std::string kSignature = "\x89PNG\r\n\x1a\n";
std::string png_of(uint32_t width, uint32_t height, const std::string& chunks = "") {
  return kSignature + chunk("IHDR", big(width) + big(height) + "\x08\x02\0\0\0"s) + chunks + chunk("IDAT", "") +
         chunk("IEND", "");
}

std::string text_error(const std::string& chunks) {
  return refusal([&] { io::read_image_text(png_of(1, 1, chunks), "picture.png"); });
}

}  // namespace

TEST_CASE("a picture that would need too much memory is refused by its header") {
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  CHECK(has(load_error(png_of(60000, 60000)), {"bad_file", "picture.png", "60000 x 60000", "at most"}));
  CHECK(has(load_error(png_of(0x7FFFFFFF, 0x7FFFFFFF)), {"bad_file"}));
  CHECK(has(load_error(png_of(8193, 8192)), {"bad_file", "8193 x 8192"}));
  CHECK(has(load_error(png_of(0, 5)), {"bad_file"}));
  auto jpeg = get(golden("rgb.jpg"));
  const auto frame = jpeg.find("\xff\xc0");
  REQUIRE(frame != jpeg.npos);
  jpeg.replace(frame + 5, 4, big(65000, 2) + big(65000, 2));
  CHECK(has(load_error(jpeg), {"bad_file", "65000 x 65000"}));
  auto webp = get(golden("lossy.webp"));
  const auto start = webp.find("\x9d\x01\x2a");
  REQUIRE(start != webp.npos);
  webp.replace(start + 3, 4, "\xff\x3f\xff\x3f");
  CHECK(has(load_error(webp), {"bad_file", "16383 x 16383"}));
  ::getrusage(RUSAGE_SELF, &after);
  CHECK(after.ru_maxrss - before.ru_maxrss < 100 * 1024);
}

TEST_CASE("every picture that is cut off is refused") {
  for (const char* name : {"rgb.png", "interlaced.png", "rgb.jpg", "progressive.jpg", "lossless.webp", "lossy.webp"}) {
    const auto whole = get(golden(name));
    REQUIRE(load_error(whole) == "");
    // The last two bytes of a JPEG and the padding of a WebP hold no pixels.
    for (size_t n = 0; n + 3 < whole.size(); ++n) {
      CAPTURE(name);
      CAPTURE(n);
      CHECK(has(load_error(whole.substr(0, n)), {"bad_file", "picture.png"}));
    }
  }
}

TEST_CASE("damaged pictures are refused or load, and never more than that") {
  std::mt19937 random(11);
  for (const char* name :
       {"rgb.png", "palette.png", "interlaced.png", "rgb16.png", "rgb.jpg", "cmyk.jpg", "progressive.jpg",
        "turned6.jpg", "lossless_alpha.webp", "lossy.webp", "a1111.png", "a1111.jpg", "a1111.webp"}) {
    const auto whole = get(golden(name));
    for (int round = 0; round < 300; ++round) {
      auto bytes = whole;
      for (unsigned k = 0; k <= random() % 4; ++k) bytes[random() % bytes.size()] = static_cast<char>(random());
      const auto load = load_error(bytes);
      CHECK((load == "" || has(load, {"bad_file"})));
      const auto text = refusal([&] { io::read_image_text(bytes, "picture"); });
      CHECK((text == "" || has(text, {"bad_file"})));
    }
  }
}

TEST_CASE("an animated WebP is refused, not half read") {
  const auto flags = "\x02\0\0\0\x09\0\0\x09\0\0"s;
  const auto body = "WEBPVP8X\x0a\0\0\0"s + flags + "ANIM\x06\0\0\0\0\0\0\0\0\0"s;
  const auto size = static_cast<char>(body.size());
  CHECK(has(load_error("RIFF"s + size + "\0\0\0"s + body), {"bad_file"}));
}

TEST_CASE("hostile text chunks of a PNG are refused") {
  CHECK(text_error(chunk("tEXt", "key\0value"s)) == "");
  CHECK(has(text_error(chunk("tEXt", "no end")), {"bad_file", "picture.png", "too early"}));
  CHECK(has(text_error(chunk("tEXt", "\0value"s)), {"bad_file", "keyword"}));
  CHECK(has(text_error(chunk("tEXt", std::string(80, 'k') + "\0v"s)), {"bad_file", "keyword"}));
  CHECK(has(text_error(chunk("iTXt", "key\0\0"s)), {"bad_file", "too early"}));
  CHECK(has(text_error(chunk("iTXt", "key\0\0\0en"s)), {"bad_file", "too early"}));
  CHECK(has(text_error(chunk("zTXt", "key\0"s)), {"bad_file", "too early"}));
  CHECK(has(text_error(chunk("zTXt", "key\0\1xx"s)), {"bad_file", "unknown method"}));
  CHECK(has(text_error(chunk("zTXt", "key\0\0garbage"s)), {"bad_file", "unpacked"}));
  auto wrong = chunk("tEXt", "key\0value"s);
  wrong.back() ^= 1;
  CHECK(has(text_error(wrong), {"bad_file", "checksum"}));
  CHECK(has(text_error(big(0xFFFFFFF0) + "tEXt"), {"bad_file", "cut short"}));
  std::string many;
  for (int i = 0; i < 1001; ++i) many += chunk("tEXt", "k" + std::to_string(i) + "\0v"s);
  CHECK(has(text_error(many), {"bad_file", "more text"}));
  CHECK(has(text_error(chunk("tEXt", "key\0"s + std::string(17u << 20, 'x'))), {"bad_file", "more text"}));
}

TEST_CASE("text that is not UTF-8 where it should be comes out as UTF-8") {
  const auto text = io::read_image_text(png_of(1, 1,
                                               chunk("iTXt",
                                                     "key\0\0\0\0\0a\xff"
                                                     "b"s)),
                                        "x");
  CHECK(text.at("key") ==
        "a\xef\xbf\xbd"
        "b");
}

TEST_CASE("EXIF with offsets out of bounds, loops and odd byte orders gives no text and no crash") {
  const auto text_of = [](const std::string& tiff) { return io::read_exif_text(tiff, "x"); };
  CHECK(text_of("").empty());
  CHECK(text_of("MM\0*"s).empty());
  CHECK(text_of("MM\0*\xff\xff\xff\xff"s).empty());
  CHECK(text_of("MM\0*\0\0\0\x08\xff\xff"s).empty());
  // The Exif folder is the first folder itself.
  CHECK(text_of("MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x08\0\0\0\0"s).empty());
  // A comment whose size or place is not in the file.
  const auto with = [](const std::string& size, const std::string& at) {
    return "MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x1a\0\0\0\0\0\1\x92\x86\0\7"s + size + at +
           "\0\0\0\0ASCII\0\0\0hello"s;
  };
  CHECK(text_of(with(big(13), big(44))).at("parameters") == "hello");
  CHECK(text_of(with(big(0xFFFFFFFF), big(44))).empty());
  CHECK(text_of(with(big(13), big(45))).empty());
  CHECK(text_of(with(big(13), big(0xFFFFFFFF))).empty());
  CHECK(text_of(with(big(0), big(44))).empty());
}

TEST_CASE("a UserComment in either byte order is understood, and broken UTF-16 is repaired") {
  const auto comment = [](const std::string& data) {
    const auto tiff = "MM\0*\0\0\0\x08\0\1\x87\x69\0\4\0\0\0\1\0\0\0\x1a\0\0\0\0\0\1\x92\x86\0\7"s +
                      big(static_cast<uint32_t>(data.size() + 8)) + big(44) + "\0\0\0\0UNICODE\0"s + data;
    return io::read_exif_text(tiff, "x")["parameters"];
  };
  CHECK(comment("\0h\0i"s) == "hi");
  CHECK(comment("h\0i\0"s) == "hi");
  CHECK(comment("\x73\x2b\0h\0i"s) == "猫hi");
  CHECK(comment("\xd8\x3d\0h\0i"s) == "\xef\xbf\xbdhi");
  CHECK(comment("\0h\0i\0"s) == "hi");
  CHECK(comment("\xff\xfe\x2b\x73"s) == "猫");  // marked: no zero shows the order
  CHECK(comment("\xfe\xff\x73\x2b"s) == "猫");
}

TEST_CASE("ComfyUI's graph stands where the camera's model would") {
  const auto model = [](const std::string& data) {
    const auto tiff =
        "MM\0*\0\0\0\x08\0\1\x01\x10\0\2"s + big(static_cast<uint32_t>(data.size())) + big(26) + "\0\0\0\0"s + data;
    return io::read_exif_text(tiff, "x");
  };
  CHECK(model("prompt:{\"1\": {}}\0"s).at("prompt") == "{\"1\": {}}");
  CHECK(model("Canon EOS\0"s).empty());
  CHECK(model("prompt:\xff\0"s).empty());
}

TEST_CASE("our own note that is damaged is told, not passed over") {
  auto exif = io::write_exif({{"corepulse", "{\"a\":1}"}});
  CHECK(io::read_exif_text(exif, "picture").at("corepulse") == "{\"a\":1}");
  exif.back() = 'x';
  CHECK(has(refusal([&] { io::read_exif_text(exif, "picture"); }), {"bad_file", "picture"}));
}
