#pragma once
// Stored numbers to computed ones, at load.

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

}  // namespace corepulse::kernels
