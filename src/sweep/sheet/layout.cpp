#include "sweep/sheet/layout.h"

#include <algorithm>
#include <cmath>
#include <fmt/format.h>

namespace corepulse::sweep {

namespace {

constexpr const char* kPlain = "plain";

/** The one plain picture of these tiles; none if they have several. */
std::optional<size_t> shared(const Plan& plan, const std::vector<Tile>& tiles) {
  std::optional<size_t> number;
  for (const auto& tile : tiles) {
    const auto own = tile.cell ? plan.plain_of[*tile.cell] : std::nullopt;
    if (own && number && *own != *number) return {};
    if (own) number = own;
  }
  return number;
}

std::vector<Tile> column(const Page& page, size_t x) {
  std::vector<Tile> tiles;
  for (const auto& row : page.tiles) tiles.push_back(row[x]);
  return tiles;
}

void add_plain(const Plan& plan, Page& page) {
  const auto one_each = [&](const std::vector<std::vector<Tile>>& lines) {
    return std::all_of(lines.begin(), lines.end(), [&](const auto& line) { return shared(plan, line).has_value(); });
  };
  std::vector<std::vector<Tile>> columns;
  for (size_t x = 0; x < page.columns.size(); ++x) columns.push_back(column(page, x));
  if (one_each(page.tiles)) {
    for (auto& row : page.tiles) row.insert(row.begin(), Tile{{}, shared(plan, row), ""});
    page.columns.insert(page.columns.begin(), kPlain);
  } else if (one_each(columns)) {
    std::vector<Tile> row;
    for (const auto& tiles : columns) row.push_back({{}, shared(plan, tiles), ""});
    page.tiles.insert(page.tiles.begin(), std::move(row));
    page.rows.insert(page.rows.begin(), kPlain);
  }
}

/** No axis or one: a grid in reading order, the plain picture before all if there is one for all. */
Page wrapped(const Plan& plan) {
  std::vector<Tile> tiles;
  for (size_t i = 0; i < plan.cells.size(); ++i) tiles.push_back({i, {}, plan.cells.title(i)});
  if (const auto number = shared(plan, tiles)) tiles.insert(tiles.begin(), Tile{{}, number, kPlain});
  constexpr size_t kOneRow = 6;
  const auto across = tiles.size() <= kOneRow ? tiles.size() : size_t(std::ceil(std::sqrt(double(tiles.size()))));
  Page page;
  for (size_t i = 0; i < tiles.size(); ++i) {
    if (i % across == 0) page.tiles.emplace_back();
    page.tiles.back().push_back(std::move(tiles[i]));
  }
  page.tiles.back().resize(across);
  return page;
}

}  // namespace

std::vector<Page> pages_of(const Plan& plan) {
  const auto& labels = plan.cells.labels();
  if (labels.size() < 2) return {wrapped(plan)};
  const auto& names = plan.cells.names();
  const size_t rows = labels[0].size(), columns = labels[1].size(), count = plan.cells.size() / rows / columns;
  std::vector<Page> pages;
  for (size_t p = 0; p < count; ++p) {
    Page page{"", labels[1], labels[0], {}};
    const auto own = plan.cells.labels_of(p);  // the cells of the first row and column, page by page
    for (size_t i = 2; i < own.size(); ++i) page.title += fmt::format("{}{} {}", i > 2 ? ", " : "", names[i], own[i]);
    for (size_t y = 0; y < rows; ++y) {
      auto& row = page.tiles.emplace_back();
      for (size_t x = 0; x < columns; ++x) row.push_back({(y * columns + x) * count + p, {}, ""});
    }
    add_plain(plan, page);
    pages.push_back(std::move(page));
  }
  return pages;
}

std::string numbers_of(const Row& row) {
  return row.plain ? fmt::format("diff {:.3f} SSIM {:.3f}", row.difference, row.ssim) : "";
}

}  // namespace corepulse::sweep
