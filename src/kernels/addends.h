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

/** x with what is left, and a picture of its shape, added to it; in one pass over memory on a GPU. */
mx::array finished(mx::array x, const Addends& left, const std::optional<mx::array>& picture = {});

}  // namespace corepulse::kernels
