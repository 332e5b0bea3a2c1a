#pragma once
// Arrays whose sum somebody reads.

#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** x [B, ..., C], and what is to be added at each of its pixels. */
struct Parts {
  mx::array x;
  std::optional<mx::array> row, bias;  ///< [B, C]: of each batch row; [C].
};

}  // namespace corepulse::kernels
