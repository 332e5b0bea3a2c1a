#pragma once
// The table block x model call that both forms of an explanation show.

#include <set>

#include "control/program/program_data.h"

namespace corepulse::control {

/** One block with attention: its layers, and the controls that act in it at each call. */
struct BlockRow {
  std::string name;
  Grid grid;
  int cross = 0, self = 0;  ///< Layers.
  std::vector<std::set<int>> acting;
};

/** The positions of what is true. */
inline std::vector<int> indices(const std::vector<bool>& bits) {
  std::vector<int> all;
  for (size_t i = 0; i < bits.size(); ++i)
    if (bits[i]) all.push_back(static_cast<int>(i));
  return all;
}

std::vector<BlockRow> block_rows(const Program::Data& data);

}  // namespace corepulse::control
