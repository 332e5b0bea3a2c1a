#pragma once
// Where computation happens, and with which instructions.

#include <string>

#include "base/tensor.h"

namespace corepulse::kernels {

/** True if `x`'s op should run through the own CPU primitives: built with them, default device is the CPU, float32. */
bool use_cpu_kernels(const mx::array& x);

/** The instruction set in use: "avx512", "avx2", "baseline", "neon", "mlx" (no own kernels). COREPULSE_ISA caps it. */
std::string isa();

/** Threads the CPU kernels use: COREPULSE_THREADS, else the cores this process may run on. */
int threads();

/** Replaces what threads() says; 0 restores the default. Only the last bits of products of few rows depend on it. */
void set_threads(int n);

}  // namespace corepulse::kernels
