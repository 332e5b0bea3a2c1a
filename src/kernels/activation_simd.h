#pragma once
// The activations on plain memory, for the best instruction set of this machine.

#include <cstdint>

namespace corepulse::kernels {

enum class Activation { silu, gelu, quick_gelu };

/** y[i] = f(x[i]), i < n. */
void activate(Activation f, const float* x, float* y, int64_t n);

/** y[i] = a[i] * gelu(b[i]), i < n. */
void multiply_gelu(const float* a, const float* b, float* y, int64_t n);

}  // namespace corepulse::kernels
