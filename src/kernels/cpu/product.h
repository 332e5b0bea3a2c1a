#pragma once
// The float32 matrices of linear layers, and of convolutions as products.

#include <memory>
#include <mutex>
#include <vector>

#include "kernels/cpu/narrow_weights.h"
#include "kernels/cpu/simd/product.h"
#include "kernels/plain_weights.h"

namespace corepulse::kernels {

/** A matrix [out, in], or [out, ...] seen as one, and its bias. The plain array is read and repacked by the first call,
 * then dropped. */
class ProductWeights {
 public:
  explicit ProductWeights(std::shared_ptr<PlainWeights> plain);

  /** Packed, in 8-bit integers where the weights ask for it. */
  PackedMatrix packed();

 private:
  void pack();

  const std::shared_ptr<PlainWeights> plain_;
  const int64_t out_;
  int64_t in_;
  std::mutex mutex_;
  NarrowWeights packed_;
  std::vector<float> packed_bias_;
};

/** The last `width` numbers of every row of x, where they are in another array than the first. */
struct RowEnds {
  const float* numbers = nullptr;
  int64_t width = 0;
};

using ThinProducts = std::span<const PackedThin>;

/** y = x W^T + b (+ added, or null; + thin) for `rows` rows, on all threads. The bits do not depend on their number. */
void run_product(const float* x, int64_t rows, const PackedMatrix& w, const float* added, float* y, RowEnds ends = {},
                 ThinProducts thin = {});

/** gated_product() on all threads. */
void run_gated_product(const float* x, int64_t rows, const PackedMatrix& w1, const PackedMatrix& w2, const float* added,
                       float* y, ThinProducts thin1 = {}, ThinProducts thin2 = {});

}  // namespace corepulse::kernels
