// Several pictures side by side on one sheet, each with a label under it.

#include "sheet.h"

#include <algorithm>
#include <sstream>

namespace corepulse::cli {

namespace {

constexpr int kMargin = 12, kLineGap = 3, kLabelLines = 2;

std::vector<std::string> wrap(const std::string& label, size_t letters) {
  std::vector<std::string> lines(1);
  std::istringstream words(label);
  for (std::string word; words >> word;) {
    auto& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > letters)
      lines.push_back(word);
    else
      line += (line.empty() ? "" : " ") + word;
  }
  if (lines.size() > kLabelLines) lines.resize(kLabelLines);
  for (auto& line : lines) line = line.substr(0, letters);
  return lines;
}

void draw_letter(Image& sheet, char letter, int left, int top, int scale) {
  for (int y = 0; y < kGlyphHeight * scale; ++y)
    for (int x = 0; x < kGlyphWidth * scale; ++x)
      if (glyph_pixel(letter, x / scale, y / scale)) {
        auto* pixel = &sheet.pixels[(size_t(top + y) * sheet.width + left + x) * 3];
        std::fill(pixel, pixel + 3, uint8_t(32));
      }
}

void draw_image(Image& sheet, const Image& image, int left, int top) {
  for (int y = 0; y < image.height; ++y)
    std::copy_n(&image.pixels[size_t(y) * image.width * 3], size_t(image.width) * 3,
                &sheet.pixels[(size_t(top + y) * sheet.width + left) * 3]);
}

}  // namespace

Image make_sheet(const std::vector<LabelledImage>& pictures, int columns) {
  if (pictures.empty()) return {};
  const int width = pictures[0].image.width, height = pictures[0].image.height;
  const int scale = std::max(1, width / 128);  // about 21 letters across a picture
  const int advance = (kGlyphWidth + 1) * scale, line = (kGlyphHeight + kLineGap) * scale;
  const int cell_width = width + kMargin, cell_height = height + kMargin + kLabelLines * line;
  const int rows = (int(pictures.size()) + columns - 1) / columns;
  Image sheet{columns * cell_width + kMargin, rows * cell_height + kMargin, {}};
  sheet.pixels.assign(size_t(sheet.width) * sheet.height * 3, 255);

  for (size_t i = 0; i < pictures.size(); ++i) {
    const int left = kMargin + int(i) % columns * cell_width;
    int top = kMargin + int(i) / columns * cell_height;
    draw_image(sheet, pictures[i].image, left, top);
    top += height + kLineGap * scale;
    for (const auto& text : wrap(pictures[i].label, size_t(width / advance))) {
      for (size_t k = 0; k < text.size(); ++k) draw_letter(sheet, text[k], left + int(k) * advance, top, scale);
      top += line;
    }
  }
  return sheet;
}

}  // namespace corepulse::cli
