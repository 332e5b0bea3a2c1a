#pragma once
// Where an array's numbers lie that is not computed yet, for kernels that read slices in place.

#include <vector>

#include "base/tensor.h"

namespace corepulse::kernels {

/** Number (i, j, .., c) of an array is number first + i * strides[0] + j * strides[1] + .. + c of `memory`. */
struct Placed {
  mx::array memory;
  int first;
  std::vector<int> strides;  ///< Of all axes but the last.
};

/**
 * x as a part of what it is a slice of, if its rows then begin at multiples of `bytes`, which are loaded at once; else
 * x itself, whose copy is read. MLX's kernels learn strides when they run, but tell them to no kernel that they did not
 * compile.
 */
Placed placed(const mx::array& x, int bytes);

}  // namespace corepulse::kernels
