#include <set>

#include "pictures.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE("a PNG gives back the very pixels, a JPEG and a WebP nearly") {
  Folder folder;
  for (const auto& [width, height] : {std::pair{1, 1}, {3, 5}, {64, 48}, {257, 129}}) {
    const auto image = gradient(width, height);
    for (const auto& [name, most] : {std::pair{"a.png", 0}, {"a.jpg", 6}, {"a.JPEG", 6}, {"a.webp", 16}}) {
      CAPTURE(name);
      CAPTURE(width);
      save_image(image, folder / name);
      CHECK(difference(load_image(folder / name), image) <= most);
    }
  }
}

TEST_CASE("the same picture and text make the same file") {
  Folder folder;
  const auto image = gradient(40, 30);
  for (const char* name : {"a.png", "a.jpg", "a.webp"}) {
    save_image(image, folder / name, {{"parameters", "猫"}, {"corepulse", "{}"}});
    const auto first = get(folder / name);
    save_image(image, folder / name, {{"corepulse", "{}"}, {"parameters", "猫"}});
    CHECK(get(folder / name) == first);
  }
}

TEST_CASE("the format of a file is told by its bytes, not by its name") {
  Folder folder;
  const auto image = gradient(20, 10);
  save_image(image, folder / "a.png");
  fs::rename(folder / "a.png", folder / "a.jpg");
  CHECK(difference(load_image(folder / "a.jpg"), image) == 0);
}

TEST_CASE("every kind of PNG, JPEG and WebP is read as Pillow reads it") {
  for (const char* name :
       {"rgb.png", "rgba.png", "grey.png", "grey_alpha.png", "one_bit.png", "palette.png", "palette_transparent.png",
        "rgb16.png", "grey16.png", "interlaced.png", "gamma.png", "lossless.webp", "lossless_alpha.webp"}) {
    CAPTURE(name);
    CHECK(difference(load_image(golden(name)), expected(name)) == 0);
  }
  for (const char* name : {"rgb.jpg", "grey.jpg", "progressive.jpg", "cmyk.jpg", "lossy.webp"}) {
    CAPTURE(name);
    CHECK(difference(load_image(golden(name)), expected(name)) <= 3);
  }
}

TEST_CASE("transparency is read beside the colours; a picture without it has none") {
  const auto png = load_image(golden("rgba.png")), webp = load_image(golden("lossless_alpha.webp"));
  REQUIRE(png.alpha.size() == size_t(png.width) * png.height);
  CHECK(png.alpha == webp.alpha);
  CHECK(std::set<uint8_t>(png.alpha.begin(), png.alpha.end()).size() > 10);
  CHECK(load_image(golden("rgb.png")).alpha.empty());
  CHECK(load_image(golden("rgb.jpg")).alpha.empty());
}

TEST_CASE("a photograph that EXIF turns or mirrors is loaded upright") {
  for (int orientation = 2; orientation <= 8; ++orientation) {
    const auto name = "turned" + std::to_string(orientation) + ".jpg";
    CAPTURE(name);
    CHECK(difference(load_image(golden(name)), expected(name)) <= 3);
  }
}

TEST_CASE("what cannot be saved is refused before anything is written") {
  Folder folder;
  const auto image = gradient(4, 4);
  const auto error = [&](const Image& picture, const char* name, const ImageText& text = {}) {
    return refusal([&] { save_image(picture, folder / name, text); });
  };
  for (const char* name : {"a", "a.gif", "a.png.txt", ".png"})
    CHECK(has(error(image, name), {"invalid_request", ".png, .jpg, .jpeg or .webp"}));
  for (const auto& [width, height] : {std::pair{0, 4}, {4, 0}, {-4, -4}, {4, 5}, {1 << 30, 1 << 30}})
    CHECK(has(error({width, height, image.pixels}, "a.png"), {"invalid_request", "pixels"}));
  CHECK(has(error({16384, 1, std::vector<uint8_t>(3 * 16384)}, "a.webp"), {"invalid_request", "write PNG"}));
  CHECK(has(error({65501, 1, std::vector<uint8_t>(3 * 65501)}, "a.jpg"), {"invalid_request", "write PNG"}));
  CHECK(has(error(image, "none/a.png"), {"not_found", "none"}));
  CHECK(folder.count() == 0);
}

TEST_CASE("a picture that cannot be encoded leaves the old one") {
  Folder folder;
  save_image(gradient(4, 4), folder / "a.jpg");
  const auto before = get(folder / "a.jpg");
  CHECK(refusal([&] { save_image(gradient(4, 4), folder / "a.jpg", {{"parameters", std::string(70000, 'x')}}); }) !=
        "");
  CHECK(get(folder / "a.jpg") == before);
  CHECK(folder.count() == 1);
}
