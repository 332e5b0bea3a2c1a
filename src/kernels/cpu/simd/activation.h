#pragma once
// The activations on plain memory, for the best instruction set of this machine.

#include <cstdint>

#include "kernels/number.h"

namespace corepulse::kernels {

enum class Activation { silu, gelu, quick_gelu };

// All numbers of one call are of one type.

/** y[i] = f(x[i]), i < n. */
void activate(Activation f, ConstNumbers x, Numbers y, int64_t n);

/** y[i] = a[i] * gelu(b[i]), i < n. */
void multiply_gelu(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n);

/** y[i] = a[i] + b[i], i < n. */
void sum(ConstNumbers a, ConstNumbers b, Numbers y, int64_t n);

}  // namespace corepulse::kernels
