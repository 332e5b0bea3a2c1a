#pragma once
// The one mlx::core::Primitive of all CPU kernels: a name and a function over raw pointers.

#include <functional>
#include <vector>

#include "base/tensor.h"
#include "kernels/number.h"

namespace corepulse::kernels {

/**
 * in: the inputs' data, row-contiguous, in the order given; out: the output's. Neither is aligned beyond one number.
 * Runs on MLX's stream thread; an exception surfaces where the result is evaluated.
 */
using Inputs = std::vector<ConstNumbers>;
using Kernel = std::function<void(const Inputs& in, Numbers out)>;

/**
 * The lazy array of `shape` that `kernel` will compute on the CPU, of the first input's type, from float32 and bfloat16
 * `inputs`. Inputs of any strides: those that are not row-contiguous are copied first. What the kernel captures lives
 * until it has run.
 */
mx::array cpu_op(const char* name, std::vector<mx::array> inputs, mx::Shape shape, Kernel kernel);

}  // namespace corepulse::kernels
