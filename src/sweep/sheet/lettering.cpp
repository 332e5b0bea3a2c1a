#include "sweep/sheet/lettering.h"

#include <algorithm>
#include <sstream>

namespace corepulse::sweep {

namespace {

constexpr uint8_t kInk = 32;

/** Letters of other scripts have several bytes; one sign stands for each. */
std::string as_ascii(const std::string& text) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x80)
      out += c;
    else if ((byte & 0xc0) != 0x80)
      out += '?';
  }
  return out;
}

void draw_letter(Image& sheet, char letter, int left, int top, int scale) {
  for (int y = 0; y < kGlyphHeight * scale; ++y)
    for (int x = 0; x < kGlyphWidth * scale; ++x)
      if (glyph_pixel(letter, x / scale, y / scale)) {
        auto* pixel = &sheet.pixels[(size_t(top + y) * sheet.width + left + x) * 3];
        std::fill(pixel, pixel + 3, kInk);
      }
}

/** A share of a pixel of the smaller picture. */
struct Span {
  int first = 0, end = 0;
  double before = 0, behind = 0;  // what lies outside of the first and of the last pixel
};

Span span_of(int i, int small, int large) {
  const double from = double(i) * large / small, to = double(i + 1) * large / small;
  Span span{int(from), std::min(large, int(to) + (to > int(to)))};
  span.before = from - span.first, span.behind = span.end - to;
  return span;
}

double weight(const Span& span, int at) {
  return 1 - (at == span.first ? span.before : 0) - (at == span.end - 1 ? span.behind : 0);
}

}  // namespace

std::vector<std::string> wrap(const std::string& label, size_t letters, size_t most) {
  std::vector<std::string> lines(1);
  std::istringstream words(as_ascii(label));
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

Image blank(int width, int height) {
  return {width, height, std::vector<uint8_t>(size_t(width) * height * 3, 255), {}};
}

void draw_lines(Image& sheet, const std::vector<std::string>& lines, int left, int top, int scale) {
  for (const auto& text : lines) {
    for (size_t k = 0; k < text.size(); ++k)
      draw_letter(sheet, text[k], left + int(k) * letter_step(scale), top, scale);
    top += line_step(scale);
  }
}

void draw_image(Image& sheet, const Image& image, int left, int top) {
  for (int y = 0; y < image.height; ++y)
    std::copy_n(&image.pixels[size_t(y) * image.width * 3], size_t(image.width) * 3,
                &sheet.pixels[(size_t(top + y) * sheet.width + left) * 3]);
}

Image shrunk(const Image& image, int width, int height) {
  auto out = blank(width, height);
  const double area = double(image.width) / width * image.height / height;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto rows = span_of(y, height, image.height), columns = span_of(x, width, image.width);
      double sum[3] = {};
      for (int v = rows.first; v < rows.end; ++v)
        for (int u = columns.first; u < columns.end; ++u)
          for (int c = 0; c < 3; ++c)
            sum[c] += weight(rows, v) * weight(columns, u) * image.pixels[(size_t(v) * image.width + u) * 3 + c];
      for (int c = 0; c < 3; ++c)
        out.pixels[(size_t(y) * width + x) * 3 + c] = uint8_t(std::clamp(sum[c] / area + 0.5, 0.0, 255.0));
    }
  return out;
}

}  // namespace corepulse::sweep
