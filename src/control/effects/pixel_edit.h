#pragma once
// Numbers per pixel for the keys of self-attention.

#include "control/effects/effect.h"

namespace corepulse::control {

/** A mask as one number per pixel of the grid. */
inline std::vector<double> per_pixel(const Part& mask, const Grid& grid) {
  if (mask.pixels == 1) return std::vector<double>(grid.tokens(), mask.values[0]);
  return mask.values;
}

/** The same number for each source's key at a pixel: all sources of a reading have one grid. */
inline std::vector<double> per_key(std::vector<double> numbers, const Draft& draft) {
  const auto pixels = numbers.size();
  numbers.reserve(pixels * draft.sources.size());
  for (size_t i = pixels; i < pixels * draft.sources.size(); ++i) numbers.push_back(numbers[i - pixels]);
  return numbers;
}

}  // namespace corepulse::control
