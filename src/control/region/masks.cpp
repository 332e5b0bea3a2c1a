#include "control/region/masks.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"

namespace corepulse::control {
namespace {

// About how many numbers of a mix cost as much as drawing one cell.
size_t cost(const Region& region, int depth = 0) {
  size_t sum = 1 + (region.feather_width > 0 ? 4 : 0) + (region.blur_sigma > 0 ? 16 : 0);
  if (depth < 64)  // deeper ones are refused when they are drawn
    for (const auto& part : region.parts) sum += cost(part, depth + 1);
  return sum;
}

}  // namespace

MaskTable::MaskTable(Canvas canvas, std::vector<Grid> grids, Budget& budget, LiveMasks live)
    : canvas_(std::move(canvas)), grids_(std::move(grids)), budget_(budget), live_(std::move(live)) {}

const std::map<MaskTable::Size, Part>& MaskTable::all(const Region& region, const std::string& path, LiveAt moment) {
  const auto [known_live, unknown] = live_regions_.try_emplace(&region, false);
  if (unknown) known_live->second = is_live(region);  // which looks at all of its parts
  const bool live = known_live->second;
  const Key key{&region, live ? moment.image : 0, live && moment.first_step};
  const auto known = masks_.find(key);
  if (known != masks_.end()) return known->second;
  budget_.spend(cost(region) * raster_cells(canvas_));
  auto mask = rasterize(region, with_live(canvas_, live_, moment.image), path);
  if (live && !live_ && !moment.first_step) mask.values.assign(mask.values.size(), 0.5);
  std::map<Size, Part> parts;
  for (const auto& g : grids_) {
    Part part{1, g.tokens(), resample(mask, g.height, g.width).values};
    part.shrink();
    parts.emplace(Size{g.height, g.width}, std::move(part));
  }
  return masks_.emplace(key, std::move(parts)).first->second;
}

const Part& MaskTable::at(const Region& region, const Grid& grid, const std::string& path, LiveAt moment) {
  return all(region, path, moment).at({grid.height, grid.width});
}

void MaskTable::require_some(const Region& region, const std::vector<Grid>& grids, const std::string& path) {
  if (live_ && is_live(region)) return;
  for (const auto& g : grids)
    if (!at(region, g, path).is(0)) return;
  std::string sizes;
  for (const auto& g : grids) sizes += fmt::format("{}{}x{}", sizes.empty() ? "" : ", ", g.width, g.height);
  const auto& view = canvas_.view;
  const auto drawn = view ? fmt::format("{}x{} pixels at {},{} that are drawn of the ", view->width, view->height,
                                        view->left, view->top)
                          : "";
  fail(ErrorCode::invalid_request, path,
       fmt::format("the region is empty at every layer it acts on (grids {}); expected some of the {}{}x{} picture",
                   sizes, drawn, canvas_.width, canvas_.height));
}

}  // namespace corepulse::control
