#pragma once
// The masks of a program's regions at the grids of its layers.

#include <map>
#include <string>

#include "control/region/part.h"
#include "control/region/raster.h"

namespace corepulse::control {

/** Of regions that are made while the run goes on: in which image, and whether it is the run's first step. */
struct LiveAt {
  int image = 0;
  bool first_step = false;
};

/** Draws each region once, when first asked, for all grids of the model. */
class MaskTable {
 public:
  /**
   * @param live what has been looked at. Empty: regions of shape attention are everywhere in the first step, and
   * unknown in all others: a half, whatever they will be.
   */
  MaskTable(Canvas canvas, std::vector<Grid> grids, Budget& budget, LiveMasks live = {});

  /** Whether it has been told what is looked at: the run goes on. */
  bool looks() const { return static_cast<bool>(live_); }
  /** The region at one of the grids, [1, pixels]. The region's address names it. @throws as rasterize. */
  const Part& at(const Region& region, const Grid& grid, const std::string& path, LiveAt moment = {});
  /** @throws Error{invalid_request} if the mask is 0 at each of these grids; a live one may be, for a while. */
  void require_some(const Region& region, const std::vector<Grid>& grids, const std::string& path);

 private:
  using Size = std::pair<int, int>;
  /** The region's address; of live ones the image and whether it is the first step, else 0. */
  using Key = std::tuple<const Region*, int, bool>;
  const std::map<Size, Part>& all(const Region& region, const std::string& path, LiveAt moment);

  Canvas canvas_;
  std::vector<Grid> grids_;
  Budget& budget_;
  LiveMasks live_;
  std::map<const Region*, bool> live_regions_;
  std::map<Key, std::map<Size, Part>> masks_;
};

}  // namespace corepulse::control
