#pragma once
// Stored numbers to computed ones, at load, in plain memory: weights are read where no MLX operation may be built.

#include <cstddef>
#include <cstdint>

#include "kernels/number.h"

namespace corepulse::kernels {

/** float16 / bfloat16 bits (possibly unaligned) to float32, threaded. */
void f16_to_f32(const void* source, float* target, size_t n);
void bf16_to_f32(const void* source, float* target, size_t n);

/** float16 bits, or float32, to bfloat16, to the nearest, ties to even; NaN stays NaN. On the calling thread. */
void f16_to_bf16(const void* source, BFloat16* target, size_t n);
void f32_to_bf16(const float* source, BFloat16* target, size_t n);

/** out[m, n] = scale * a[m, k] b[k, n], row-major, on all threads. A number's bits depend on its row and its column. */
void multiply(float* out, const float* a, const float* b, int64_t m, int64_t k, int64_t n, float scale = 1);

}  // namespace corepulse::kernels
