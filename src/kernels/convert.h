#pragma once
// Stored numbers to computed ones, at load.

#include <cstddef>
#include <cstdint>

namespace corepulse::kernels {

/** float16 / bfloat16 bits (possibly unaligned) to float32, threaded. */
void f16_to_f32(const void* source, float* target, size_t n);
void bf16_to_f32(const void* source, float* target, size_t n);

}  // namespace corepulse::kernels
