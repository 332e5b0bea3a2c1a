// Several pictures side by side on one sheet, each with a label under it.

#include "sheet.h"

#include <algorithm>
#include <sstream>

namespace corepulse::cli {

namespace {

constexpr int kMargin = 12, kLineGap = 3, kLabelLines = 4, kTitleLines = 2;

std::vector<std::string> wrap(const std::string& label, size_t letters, size_t most) {
  std::vector<std::string> lines(1);
  std::istringstream words(label);
  for (std::string word; words >> word;) {
    auto& line = lines.back();
    if (!line.empty() && line.size() + 1 + word.size() > letters)
      lines.push_back(word);
    else
      line += (line.empty() ? "" : " ") + word;
  }
  if (lines.size() > most) lines.resize(most);
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

void draw_lines(Image& sheet, const std::vector<std::string>& lines, int left, int top, int scale) {
  for (const auto& text : lines) {
    for (size_t k = 0; k < text.size(); ++k)
      draw_letter(sheet, text[k], left + int(k) * (kGlyphWidth + 1) * scale, top, scale);
    top += (kGlyphHeight + kLineGap) * scale;
  }
}

void draw_image(Image& sheet, const Image& image, int left, int top) {
  for (int y = 0; y < image.height; ++y)
    std::copy_n(&image.pixels[size_t(y) * image.width * 3], size_t(image.width) * 3,
                &sheet.pixels[(size_t(top + y) * sheet.width + left) * 3]);
}

}  // namespace

Image make_sheet(const std::vector<LabelledImage>& pictures, int columns, const std::string& title) {
  if (pictures.empty()) return {};
  const int width = pictures[0].image.width, height = pictures[0].image.height;
  const int scale = std::max(1, width / 128);  // about 21 letters across a picture
  const int advance = (kGlyphWidth + 1) * scale, line = (kGlyphHeight + kLineGap) * scale;
  const int across = columns * (width + kMargin) - kMargin;
  std::vector<std::vector<std::string>> labels;
  size_t most = 0;
  for (const auto& picture : pictures) {
    labels.push_back(wrap(picture.label, size_t(width / advance), kLabelLines));
    most = std::max(most, labels.back().size());
  }
  const auto heading = wrap(title, size_t(across / advance), title.empty() ? 0 : kTitleLines);
  const int head = kMargin + int(heading.size()) * line;
  const int cell_width = width + kMargin, cell_height = height + kMargin + int(most) * line;
  const int rows = (int(pictures.size()) + columns - 1) / columns;
  Image sheet{columns * cell_width + kMargin, head + rows * cell_height, {}};
  sheet.pixels.assign(size_t(sheet.width) * sheet.height * 3, 255);

  draw_lines(sheet, heading, kMargin, kMargin, scale);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const int left = kMargin + int(i) % columns * cell_width, top = head + int(i) / columns * cell_height;
    draw_image(sheet, pictures[i].image, left, top);
    draw_lines(sheet, labels[i], left, top + height + kLineGap * scale, scale);
  }
  return sheet;
}

}  // namespace corepulse::cli
