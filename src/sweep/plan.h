#pragma once
// The recipes of a sweep, and the pictures without controls that they are compared with.

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "corepulse/sweep.h"

#include "sweep/expansion.h"
#include "sweep/journal.h"
#include "sweep/rows.h"

namespace corepulse::sweep {

struct Plan {
  /** @throws Error{invalid_request} listing all cells that are wrong. */
  explicit Plan(const Sweep& sweep);

  Expansion cells;
  std::string title;                            ///< Above the sheets.
  std::vector<Recipe> recipes;                  ///< By cell.
  std::vector<std::optional<size_t>> plain_of;  ///< Number of its plain recipe; none: it has no controls itself.
  std::vector<Recipe> plain;                    ///< Each once, in the order of the cells that need them.
};

/**
 * Regions that controls of the recipe act in; none where one of them follows the picture: what it covers changes during
 * a run, so nothing is outside of it.
 */
std::vector<Region> regions_of(const Recipe& recipe);

/** What lies in a sweep's folder. */
struct Found {
  Table rows;              ///< Of cells whose picture is there.
  std::set<size_t> plain;  ///< Numbers of plain pictures that are.
};

/** The journal's first entry. */
io::Json head_of(const Sweep& sweep, int shard, int shards);

/** @throws Error{bad_file} for a journal that holds something else. */
Found found_in(const JournalText& journal, const std::filesystem::path& folder);

}  // namespace corepulse::sweep
