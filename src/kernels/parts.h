#pragma once
// Arrays whose sum somebody reads.

#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** A picture x [B, ..., C], and what is to be added to each of its pixels. */
struct Parts {
  mx::array x;
  std::optional<mx::array> row, channel;  ///< [B, C]: of each batch row; [C]: of all.
};

}  // namespace corepulse::kernels
