#pragma once
// The masks of a program's regions at the grids of its layers.

#include <map>
#include <string>

#include "control/region/part.h"
#include "control/region/raster.h"

namespace corepulse::control {

/** Draws each region once, when first asked, for all grids of the model. */
class MaskTable {
 public:
  MaskTable(Canvas canvas, std::vector<Grid> grids, Budget& budget);

  /** The region at one of the grids, [1, pixels]. The region's address names it. @throws as rasterize. */
  const Part& at(const Region& region, const Grid& grid, const std::string& path);
  /** @throws Error{invalid_request} if the mask is 0 at each of these grids. */
  void require_some(const Region& region, const std::vector<Grid>& grids, const std::string& path);

 private:
  using Key = std::pair<int, int>;
  const std::map<Key, Part>& all(const Region& region, const std::string& path);

  Canvas canvas_;
  std::vector<Grid> grids_;
  Budget& budget_;
  std::map<const Region*, std::map<Key, Part>> masks_;
};

}  // namespace corepulse::control
