#pragma once
// Where computation happens, and with which instructions.

#include <string>

#include "base/tensor.h"

namespace corepulse::kernels {

/** True if `x`'s op should run through the own CPU primitives: built with them, the default device is the CPU, x is
 * float32 or bfloat16. */
bool use_cpu_kernels(const mx::array& x);

/** True if the default device is a GPU of NVIDIA. */
bool on_cuda();

/**
 * True where Metal's way is taken: MLX's operations alone, arranged for its Metal backend. On a GPU of Apple, and on a
 * CPU that rehearses it.
 */
bool on_metal();

/** COREPULSE_ISA=mlx: no own kernels on the CPU. Whatever the default device is. */
bool asks_for_rehearsal();

/** That with the CPU as the default device: every type of numbers, so that Metal's way is tested without a Mac. */
bool rehearses_metal();

/** Whether this processor multiplies bfloat16 (AVX-512 BF16 or AMX), and whether it has AMX, which is several times
 * faster at it than at float32. As COREPULSE_ISA caps it. */
bool has_bf16();
bool has_amx();

/**
 * The instruction set in use: "amx" (with all of AVX-512), "avx512", "avx2", "baseline", "neon", "mlx" (no own
 * kernels). COREPULSE_ISA caps it.
 */
std::string isa();

/** Whether float32 computation keeps matrices in float16 that are stored in it. On AMX's tiles they are split. */
bool keeps_halves();

/** Threads the CPU kernels use: COREPULSE_THREADS, else the cores this process may run on. */
int threads();

/** Replaces what threads() says; 0 restores the default. Only the last bits of products of few rows depend on it. */
void set_threads(int n);

}  // namespace corepulse::kernels
