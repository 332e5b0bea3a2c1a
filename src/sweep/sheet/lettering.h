#pragma once
// Letters and pictures on a sheet.

#include <string>
#include <vector>

#include "corepulse/image.h"

namespace corepulse::sweep {

constexpr int kGlyphWidth = 5, kGlyphHeight = 8, kLineGap = 3;

/** Whether the letter is inked at (x, y); letters other than printable ASCII look like '?'. */
bool glyph_pixel(char letter, int x, int y);

/** Pixels from one letter to the next, and from line to line. */
constexpr int letter_step(int scale) {
  return (kGlyphWidth + 1) * scale;
}
constexpr int line_step(int scale) {
  return (kGlyphHeight + kLineGap) * scale;
}

/** Wrapped at spaces; what is longer than a line or than `most` lines is cut. Other than ASCII is one '?' a letter. */
std::vector<std::string> wrap(const std::string& label, size_t letters, size_t most);

/** A white picture. */
Image blank(int width, int height);

/** Dark lines below each other; all of it lies inside the sheet. */
void draw_lines(Image& sheet, const std::vector<std::string>& lines, int left, int top, int scale);
void draw_image(Image& sheet, const Image& image, int left, int top);

/** The mean over the area of every pixel of a smaller picture. */
Image shrunk(const Image& image, int width, int height);

}  // namespace corepulse::sweep
