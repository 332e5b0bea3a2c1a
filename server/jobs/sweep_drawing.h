#pragma once
// Sweeps as jobs: what of them is read from JSON, and the sheet in the end.

#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "corepulse/image.h"
#include "corepulse/sweep.h"

namespace corepulse::server {

/** Every cell goes through `open`; the first one's recipe comes back. @throws Problem, Error. */
Recipe checked_sweep(const std::string& json, int most_cells, const std::function<Recipe(const Recipe&)>& open);
/** "where middle:0, strength 0.5" of a cell's labels. */
std::string joined(const std::vector<std::string>& labels);
/** Pictures a row: the last axis. */
int columns_of(const Sweep& sweep);
/** The pictures of these files, small, with labels; nothing of more than 256 of them. */
std::optional<Image> sheet_of(const std::vector<std::pair<std::string, std::string>>& files, int columns,
                              const std::string& title);

}  // namespace corepulse::server
