#pragma once
// Channels of two feature maps, side by side.

#include <optional>
#include <utility>

#include "mlx/ops.h"

#include "base/tensor.h"

namespace corepulse::kernels {

/**
 * A feature map x [B, ..., C], and beside its channels those of a skip: what an up block of the UNet concatenates, and
 * own kernels read where the two lie.
 */
class Beside {
 public:
  Beside(mx::array x, std::optional<mx::array> skip = {}) : x_(std::move(x)), skip_(std::move(skip)) {}  // NOLINT
  const mx::array& x() const { return x_; }
  const std::optional<mx::array>& skip() const { return skip_; }
  /** One array of all channels, made once. */
  const mx::array& whole() const {
    if (skip_) x_ = mx::concatenate({x_, *std::exchange(skip_, std::nullopt)}, -1);
    return x_;
  }

 private:
  // After whole() there is no skip.
  mutable mx::array x_;
  mutable std::optional<mx::array> skip_;
};

}  // namespace corepulse::kernels
