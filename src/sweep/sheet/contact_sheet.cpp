// Several pictures side by side on one sheet, each with a label under it.

#include "corepulse/contact_sheet.h"

#include <algorithm>

#include "sweep/sheet/lettering.h"

namespace corepulse {

namespace {

constexpr int kMargin = 12, kLabelLines = 4, kTitleLines = 2;

}  // namespace

Image make_sheet(const std::vector<LabelledImage>& pictures, int columns, const std::string& title) {
  if (pictures.empty()) return {};
  const int width = pictures[0].image.width, height = pictures[0].image.height;
  const int scale = std::max(1, width / 128);  // about 21 letters across a picture
  const int advance = sweep::letter_step(scale), line = sweep::line_step(scale);
  const int across = columns * (width + kMargin) - kMargin;
  std::vector<std::vector<std::string>> labels;
  size_t most = 0;
  for (const auto& picture : pictures) {
    labels.push_back(sweep::wrap(picture.label, size_t(width / advance), kLabelLines));
    most = std::max(most, labels.back().size());
  }
  const auto heading = sweep::wrap(title, size_t(across / advance), title.empty() ? 0 : kTitleLines);
  const int head = kMargin + int(heading.size()) * line;
  const int cell_width = width + kMargin, cell_height = height + kMargin + int(most) * line;
  const int rows = (int(pictures.size()) + columns - 1) / columns;
  auto sheet = sweep::blank(columns * cell_width + kMargin, head + rows * cell_height);

  sweep::draw_lines(sheet, heading, kMargin, kMargin, scale);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const int left = kMargin + int(i) % columns * cell_width, top = head + int(i) / columns * cell_height;
    sweep::draw_image(sheet, pictures[i].image, left, top);
    sweep::draw_lines(sheet, labels[i], left, top + height + sweep::kLineGap * scale, scale);
  }
  return sheet;
}

}  // namespace corepulse
