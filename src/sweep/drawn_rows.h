#pragma once
// From what was drawn to a row: its recipe as the sweep's folder sees it, and how far it is from the plain picture.

#include <filesystem>
#include <utility>
#include <vector>

#include "sweep/artist.h"
#include "sweep/plan.h"

namespace corepulse::sweep {

class DrawnRows {
 public:
  /** @param plan outlives it. */
  DrawnRows(const Plan& plan, std::filesystem::path folder) : plan_(plan), folder_(std::move(folder)) {}

  /** @param bare the cell's plain picture, if it has one. */
  Row row(size_t cell, const Drawn& drawn, const Image* bare);

 private:
  void compare(Row& row, const Drawn& drawn, const Image& bare);
  const std::vector<double>& outside_of(const Recipe& recipe, const Drawn& drawn);

  const Plan& plan_;
  std::filesystem::path folder_;
  std::vector<Region> outside_regions_;
  std::vector<double> outside_;  // weights outside of them, for pictures of one size
  std::pair<int, int> outside_size_{};
};

}  // namespace corepulse::sweep
