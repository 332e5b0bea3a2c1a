#pragma once
// 3x3 convolution of stride 1 with a quarter of the products.

#include <memory>
#include <mutex>
#include <vector>

#include "kernels/cpu/narrow_weights.h"
#include "kernels/cpu/simd/winograd.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

/** Whether OHWI weights of this shape at this stride can be computed so: 3x3, stride 1, channels multiples of 16. */
bool winograd_fits(const mx::Shape& weight, int stride);

/**
 * The weights and bias of one such convolution. The plain array is read and repacked by the first call, then dropped.
 * They are kept untransformed, 9 numbers and not 36 for each pair of channels: transforming them anew for a hundred
 * tiles costs less than reading four times the memory.
 */
class WinogradWeights {
 public:
  explicit WinogradWeights(std::shared_ptr<PlainWeights> plain) : plain_(std::move(plain)) {}

  /**
   * out = convolution(source) + add; add.bias is set here. Runs on MLX's stream thread. A pixel's bits depend on the
   * source around its 4x4 tile alone. An infinite or NaN number spreads over the tiles that see it.
   */
  void run(const WinogradShape& shape, const float* source, ConvAddends add, float* out);

 private:
  void pack(const WinogradShape& shape);

  const std::shared_ptr<PlainWeights> plain_;
  std::mutex mutex_;
  NarrowWeights packed_;
  std::vector<float> packed_bias_;
};

}  // namespace corepulse::kernels
