#pragma once
// A product of two stored matrices.

#include "base/tensor.h"
#include "io/tensors/tensor_view.h"

namespace corepulse::nn {

/** up [out, rank] times down [rank, in], each perhaps a convolution's, as `shape` [out, ...]: evaluated, float32.
 * Without MLX's operations, so on any thread. */
mx::array product(const io::TensorView& up, const io::TensorView& down, const mx::Shape& shape);

}  // namespace corepulse::nn
