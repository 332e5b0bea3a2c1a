#pragma once
// What is still to be added to a picture.

#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/** The same for every pixel of a picture [B, ..., C]. */
struct Addends {
  std::optional<mx::array> row;      ///< [B, C]
  std::optional<mx::array> channel;  ///< [C]
};

}  // namespace corepulse::kernels
