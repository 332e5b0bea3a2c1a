#pragma once
// Stored numbers to computed ones, on one thread.

#include <cstdint>

#include "kernels/cpu/narrow.h"
#include "kernels/number.h"

namespace corepulse::kernels {

/** n numbers of either type, from any address; bfloat16 rounded as store() of math-inl.h does. */
void widen(const Half* from, float* to, int64_t n);
void convert(const Half* from, BFloat16* to, int64_t n);
void convert(const float* from, BFloat16* to, int64_t n);

}  // namespace corepulse::kernels
