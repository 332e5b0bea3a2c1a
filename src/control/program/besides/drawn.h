#pragma once
// Regions that are drawn once for the run, at places that are no attention layers.

#include "control/program/context.h"

namespace corepulse::control {

struct DrawnRegion {
  std::vector<Values> by_site;              ///< 0..1 for every pixel; the same numbers for places of the same grid.
  std::vector<ControlReport::Cells> cells;  ///< By grid.
  bool whole = false;                       ///< 1 everywhere.
};

/**
 * At the places of the table that are chosen; null at others.
 * @param path the region's. @throws Error{invalid_request} if it is empty at all of them.
 */
DrawnRegion drawn(const Region& region, const SiteTable& table, const std::vector<bool>& chosen,
                  const std::string& path, Context& context);

}  // namespace corepulse::control
