#pragma once
// Where a sweep's pictures stand: the first axis has a row each, the second a column, all others a page.

#include <optional>
#include <string>
#include <vector>

#include "sweep/plan.h"

namespace corepulse::sweep {

struct Tile {
  std::optional<size_t> cell;   ///< Or
  std::optional<size_t> plain;  ///< the number of a picture without controls. Neither: the place is empty.
  std::string label;            ///< Under it; "" where rows and columns have labels.
};

struct Page {
  std::string title;
  std::vector<std::string> columns, rows;  ///< Labels; empty: tiles have their own.
  std::vector<std::vector<Tile>> tiles;    ///< Row by row, equally long.
};

/** Where all pictures of every row are compared with one, it stands before them; else likewise of columns. */
std::vector<Page> pages_of(const Plan& plan);

/** "sheet.png", "sheet-2.png", ... and "sheet.html", of what there is. @return them, the page last. */
std::vector<std::filesystem::path> write_sheets(const Plan& plan, const Table& rows,
                                                const std::filesystem::path& folder);

/** "diff 0.031 SSIM 0.931"; "" for a row that was compared with nothing. */
std::string numbers_of(const Row& row);

/** The HTML page: one file, without addresses outside the folder. */
std::string html_of(const Plan& plan, const std::vector<Page>& pages, const Table& rows,
                    const std::filesystem::path& folder);

}  // namespace corepulse::sweep
