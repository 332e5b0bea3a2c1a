#pragma once
// A convolution of any kernel and stride as a product: each pixel of the result with the patch that it sees.

#include "kernels/cpu/simd/product.h"
#include "kernels/options.h"

namespace corepulse::kernels {

/** A source [batch, height, width, in] and a result of [batch, rows, columns] pixels. */
struct PatchShape {
  int64_t batch, height, width, in;
  int64_t rows, columns;

  int64_t pixels() const { return batch * rows * columns; }
};

/**
 * y = convolution(x) + b for w of [out, kh kw in], on all threads. A pixel's bits depend on its patch alone. Throws
 * std::bad_alloc for want of some 16 MB, or of one patch.
 */
void run_patches(const PatchShape& s, const ConvGeometry& g, const float* x, const PackedMatrix& w, float* y);

}  // namespace corepulse::kernels
