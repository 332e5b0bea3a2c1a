#pragma once
// Bytes of a file to evaluated arrays: the one place where stored number formats are known.

#include <cstdint>

#include "base/tensor.h"
#include "io/tensors/tensor_view.h"

namespace corepulse::nn {

/** Whether weights may be stored so: floating point of any width. Integers would need scales beside them. */
bool is_number(io::StoredType type);

/** The tensor's numbers in their stored order, with the given shape of equal size. @throws
 * Error{unsupported_model}. */
mx::array to_array(const io::TensorView& view, const mx::Shape& shape, mx::Dtype dtype);

/** Stored [in, out] -> [out, in]. */
mx::array transpose_matrix(const io::TensorView& view, mx::Dtype dtype);

/** The numbers as an Addition is given them: float32, in the file's shape; [out, in] of a matrix that is stored [in,
 * out].
 */
mx::array original_of(const io::TensorView& view);

/** Stored OIHW -> [out, k, k, in], MLX's order. */
mx::array to_ohwi(const io::TensorView& view, int out, int in, int k, mx::Dtype dtype);

/**
 * Bytes that a tensor takes in a layer on the default device. @param multiplied it is a matrix or a convolution's
 * kernel, not a table: the CPU's kernels keep those that float16 holds exactly in it.
 */
uint64_t kept_bytes(const io::TensorView& view, mx::Dtype dtype, bool multiplied);

}  // namespace corepulse::nn
