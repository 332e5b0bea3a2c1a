// The sheets of a sweep as pictures.

#include <algorithm>
#include <fmt/format.h>
#include <span>

#include "corepulse/image.h"

#include "io/file.h"
#include "sweep/sheet/layout.h"
#include "sweep/sheet/lettering.h"

namespace corepulse::sweep {

namespace fs = std::filesystem;

namespace {

constexpr int kGap = 12, kLargestTile = 256, kSmallestTile = 48, kLongestSide = 8000;
constexpr double kMostInked = 32e6;  // pixels of a sheet's tiles: larger sheets have smaller ones
constexpr size_t kTileLines = 3, kTitleLines = 2, kLabelLetters = 18;

/** Sizes of a page's parts, in pixels. */
struct Measures {
  int width = 0, height = 0, scale = 1;  // of a tile's picture
  int label_width = 0, column_lines = 0, tile_lines = 0;
  int cell_width() const { return width + kGap; }
  int cell_height() const { return height + tile_lines * line_step(scale) + kGap; }
  size_t letters() const { return std::max<size_t>(1, size_t(width / letter_step(scale))); }
};

std::string file_of(const Tile& tile, const Table& rows) {
  if (tile.plain) return plain_name(*tile.plain);
  return tile.cell && rows.count(*tile.cell) ? picture_name(*tile.cell) : "";
}

std::vector<std::string> lines_under(const Tile& tile, const Table& rows, size_t letters) {
  auto lines = tile.label.empty() ? std::vector<std::string>() : wrap(tile.label, letters, kTileLines);
  const auto row = tile.cell ? rows.find(*tile.cell) : rows.end();
  if (row != rows.end() && row->second.plain)
    for (auto& line : wrap(numbers_of(row->second), letters, 2)) lines.push_back(std::move(line));
  return lines;
}

/** The first picture that there is says what shape tiles have. */
Image first_picture(const std::vector<Page>& pages, const Table& rows, const fs::path& folder) {
  for (const auto& page : pages)
    for (const auto& row : page.tiles)
      for (const auto& tile : row)
        if (const auto name = file_of(tile, rows); !name.empty() && io::is_there(folder / name))
          return load_image(folder / name);
  return blank(1, 1);
}

Measures measure(const Page& page, const Table& rows, const Image& sample) {
  Measures m;
  const double tiles = double(page.tiles.size()) * double(page.tiles[0].size());
  const int longest = std::max(sample.width, sample.height);
  int side = std::min(longest, kLargestTile);
  while (side > kSmallestTile && tiles * side * side > kMostInked) side = side * 3 / 4;
  m.width = std::max(1, sample.width * side / longest), m.height = std::max(1, sample.height * side / longest);
  m.scale = std::max(1, m.width / 128);
  size_t letters = 0;
  for (const auto& label : page.rows) letters = std::max(letters, std::min(label.size(), kLabelLetters));
  m.label_width = letters ? int(letters) * letter_step(m.scale) + kGap : 0;
  for (const auto& label : page.columns)
    m.column_lines = std::max(m.column_lines, int(wrap(label, m.letters(), kTileLines).size()));
  for (const auto& row : page.tiles)
    for (const auto& tile : row)
      m.tile_lines = std::max(m.tile_lines, int(lines_under(tile, rows, m.letters()).size()));
  return m;
}

/** Whole inside a tile, in the middle. */
void draw_fitting(Image& sheet, const Image& image, const Measures& m, int left, int top) {
  const double scale = std::min({1.0, double(m.width) / image.width, double(m.height) / image.height});
  const int width = std::max(1, int(image.width * scale + 0.5)), height = std::max(1, int(image.height * scale + 0.5));
  const bool same = width == image.width && height == image.height;
  draw_image(sheet, same ? image : shrunk(image, width, height), left + (m.width - width) / 2,
             top + (m.height - height) / 2);
}

/** A part of a page: rows [top, bottom), columns [left, right). */
struct Block {
  size_t top, bottom, left, right;
};

std::vector<Block> blocks_of(const Page& page, const Measures& m) {
  const size_t rows = page.tiles.size(), columns = page.tiles[0].size();
  const auto down = size_t(std::max(1, kLongestSide / m.cell_height()));
  const auto across = size_t(std::max(1, (kLongestSide - m.label_width) / m.cell_width()));
  std::vector<Block> blocks;
  for (size_t y = 0; y < rows; y += down)
    for (size_t x = 0; x < columns; x += across)
      blocks.push_back({y, std::min(rows, y + down), x, std::min(columns, x + across)});
  return blocks;
}

Image draw_block(const Page& page, const Table& rows, const Measures& m, const Block& block, const fs::path& folder,
                 const std::string& title) {
  const int across = kGap + m.label_width + int(block.right - block.left) * m.cell_width();
  const auto heading = wrap(title, size_t((across - 2 * kGap) / letter_step(m.scale)), kTitleLines);
  const int heads = kGap + int(heading.size()) * line_step(m.scale) + kGap / 2;
  const int first = heads + m.column_lines * line_step(m.scale) + (m.column_lines ? kLineGap * m.scale : 0);
  auto sheet = blank(across, first + int(block.bottom - block.top) * m.cell_height());
  draw_lines(sheet, heading, kGap, kGap, m.scale);
  for (size_t x = block.left; x < block.right && !page.columns.empty(); ++x)
    draw_lines(sheet, wrap(page.columns[x], m.letters(), kTileLines),
               kGap + m.label_width + int(x - block.left) * m.cell_width(), heads, m.scale);
  for (size_t y = block.top; y < block.bottom; ++y) {
    const int top = first + int(y - block.top) * m.cell_height();
    if (!page.rows.empty())
      draw_lines(sheet,
                 wrap(page.rows[y], size_t((m.label_width - kGap) / letter_step(m.scale)),
                      std::max<size_t>(1, size_t(m.height / line_step(m.scale)))),
                 kGap, top, m.scale);
    for (size_t x = block.left; x < block.right; ++x) {
      const auto& tile = page.tiles[y][x];
      const int left = kGap + m.label_width + int(x - block.left) * m.cell_width();
      if (const auto name = file_of(tile, rows); !name.empty() && io::is_there(folder / name))
        draw_fitting(sheet, load_image(folder / name), m, left, top);
      draw_lines(sheet, lines_under(tile, rows, m.letters()), left, top + m.height + kLineGap * m.scale, m.scale);
    }
  }
  return sheet;
}

/** What all cells have in common, and what changes where. */
std::string heading_of(const Plan& plan, const Page& page) {
  const auto& names = plan.cells.names();
  auto text = plan.title;
  const auto add = [&](const std::string& part) { text += (text.empty() || part.empty() ? "" : "; ") + part; };
  if (names.size() > 1) add(fmt::format("down: {}, across: {}", names[0], names[1]));
  add(page.title);
  return text;
}

}  // namespace

std::vector<fs::path> write_sheets(const Plan& plan, const Table& rows, const fs::path& folder) {
  const auto pages = pages_of(plan);
  const auto sample = first_picture(pages, rows, folder);
  std::vector<fs::path> files;
  for (const auto& page : pages) {
    const auto measures = measure(page, rows, sample);
    for (const auto& block : blocks_of(page, measures)) {
      const auto name = files.empty() ? "sheet.png" : fmt::format("sheet-{}.png", files.size() + 1);
      save_image(draw_block(page, rows, measures, block, folder, heading_of(plan, page)), folder / name);
      files.push_back(folder / name);
    }
  }
  const auto html = html_of(plan, pages, rows, folder);
  io::write_file(folder / "sheet.html", std::as_bytes(std::span(html)));
  files.push_back(folder / "sheet.html");
  return files;
}

}  // namespace corepulse::sweep
