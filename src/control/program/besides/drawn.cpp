#include "control/program/besides/drawn.h"

#include <algorithm>

namespace corepulse::control {
namespace {

Values values_of(const Part& mask, const Grid& grid, ControlReport::Cells& cells) {
  std::vector<float> all(static_cast<size_t>(grid.tokens()));
  for (size_t i = 0; i < all.size(); ++i) {
    const double v = mask.values[mask.pixels > 1 ? i : 0];
    all[i] = static_cast<float>(v);
    cells.touched += v > 0, cells.whole += v == 1, cells.mean += v / grid.tokens();
  }
  return std::make_shared<const std::vector<float>>(std::move(all));
}

}  // namespace

DrawnRegion drawn(const Region& region, const SiteTable& table, const std::vector<bool>& chosen,
                  const std::string& path, Context& context) {
  DrawnRegion made;
  std::vector<Grid> grids;
  std::vector<Values> by_grid;
  for (size_t i = 0; i < chosen.size(); ++i) {
    if (!chosen[i]) {
      made.by_site.push_back(nullptr);
      continue;
    }
    const auto grid = table.grid_of(table.sites()[i]);
    const auto known = std::find_if(grids.begin(), grids.end(),
                                    [&](const Grid& g) { return g.height == grid.height && g.width == grid.width; });
    if (known != grids.end()) {
      made.by_site.push_back(by_grid[static_cast<size_t>(known - grids.begin())]);
      continue;
    }
    ControlReport::Cells cells{.grid = grid, .of = ""};
    grids.push_back(grid), by_grid.push_back(values_of(context.tables.masks.at(region, grid, path), grid, cells));
    made.by_site.push_back(by_grid.back()), made.cells.push_back(cells);
    context.budget.spend(static_cast<size_t>(grid.tokens()));
  }
  context.tables.masks.require_some(region, grids, path);
  made.whole = std::all_of(by_grid.begin(), by_grid.end(), [](const Values& all) {
    return std::all_of(all->begin(), all->end(), [](float v) { return v == 1; });
  });
  return made;
}

}  // namespace corepulse::control
