#pragma once
// The instruction sets the SIMD files are compiled for; include before any Highway header.

// Four on x86 (AVX-512, AVX2, SSE4 and plain C++) are enough: each costs compile time and size. Sizeless vectors (SVE)
// cannot be array elements, which the attention's register tiles are.
#ifndef HWY_DISABLED_TARGETS
#define HWY_DISABLED_TARGETS (HWY_AVX3_DL | HWY_SSSE3 | HWY_SVE | HWY_SVE2 | HWY_SVE_256 | HWY_SVE2_128)
#endif

#include <cstdint>

namespace corepulse::kernels {

/** The instruction set the SIMD files run with, a HWY_ constant. */
int64_t simd_target();

}  // namespace corepulse::kernels
