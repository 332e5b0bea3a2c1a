// Sheets of labelled pictures.

#include "corepulse/contact_sheet.h"

#include <algorithm>
#include <doctest/doctest.h>

#include "sweep/sheet/lettering.h"

using namespace corepulse;
using namespace corepulse::sweep;

namespace {

Image filled(int width, int height, uint8_t value) {
  return {width, height, std::vector<uint8_t>(size_t(width) * height * 3, value)};
}

/** Pixels of this grey within columns [left, right). */
int count(const Image& image, uint8_t value, int left, int right) {
  int n = 0;
  for (int y = 0; y < image.height; ++y)
    for (int x = left; x < right; ++x) n += image.pixels[(size_t(y) * image.width + x) * 3] == value;
  return n;
}

}  // namespace

TEST_CASE("every picture is on the sheet whole, in rows from left to right") {
  std::vector<LabelledImage> pictures;
  for (int i = 0; i < 5; ++i) pictures.push_back({filled(40, 30, uint8_t(100 + i)), ""});
  const auto sheet = make_sheet(pictures, 3);
  for (int i = 0; i < 5; ++i) CHECK(count(sheet, uint8_t(100 + i), 0, sheet.width) == 40 * 30);
  const int third = sheet.width / 3;
  CHECK(count(sheet, 100, 0, third) == 40 * 30);
  CHECK(count(sheet, 103, 0, third) == 40 * 30);
  CHECK(count(sheet, 102, 2 * third, sheet.width) == 40 * 30);
}

TEST_CASE("a label is inked under its own picture, and a longer one has more ink") {
  const auto ink = [](const std::string& label) {
    const auto sheet = make_sheet({{filled(200, 50, 255), ""}, {filled(200, 50, 255), label}}, 2);
    CHECK(count(sheet, 32, 0, sheet.width / 2) == 0);
    return count(sheet, 32, sheet.width / 2, sheet.width);
  };
  CHECK(ink("") == 0);
  CHECK(ink("cat") > 0);
  CHECK(ink("a cat in a park") > ink("cat"));
}

TEST_CASE("labels longer than the picture wrap, then are cut; they never leave the sheet") {
  const auto sheet =
      make_sheet({{filled(32, 8, 255), std::string(500, 'W')}, {filled(32, 8, 255), "a b c d e f g h i j k l m"}}, 1);
  CHECK(sheet.pixels.size() == size_t(sheet.width) * sheet.height * 3);
  CHECK(count(sheet, 32, sheet.width - 12, sheet.width) == 0);
}

TEST_CASE("a title is inked above all pictures, which stay whole below it") {
  const LabelledImage picture{filled(200, 50, 100), ""};
  const auto plain = make_sheet({picture, picture}, 2), titled = make_sheet({picture, picture}, 2, "seed 3");
  CHECK(count(plain, 32, 0, plain.width) == 0);
  CHECK(count(titled, 32, 0, titled.width) > 0);
  CHECK(count(titled, 100, 0, titled.width) == 2 * 200 * 50);
  CHECK(titled.height > plain.height);
}

TEST_CASE("every printable letter has its own shape, and others look like a question mark") {
  std::vector<std::string> shapes;
  for (int code = ' '; code <= '~'; ++code) {
    std::string shape;
    for (int y = 0; y < kGlyphHeight; ++y)
      for (int x = 0; x < kGlyphWidth; ++x) shape += glyph_pixel(char(code), x, y) ? '#' : '.';
    shapes.push_back(shape);
  }
  CHECK(std::count(shapes[0].begin(), shapes[0].end(), '#') == 0);
  auto sorted = shapes;
  std::sort(sorted.begin(), sorted.end());
  CHECK(std::unique(sorted.begin(), sorted.end()) == sorted.end());
  CHECK(glyph_pixel('\n', 2, 6) == glyph_pixel('?', 2, 6));
  CHECK(glyph_pixel('\xff', 2, 6) == glyph_pixel('?', 2, 6));
}

TEST_CASE("no pictures give an empty sheet") {
  CHECK(make_sheet({}, 3).pixels.empty());
}
