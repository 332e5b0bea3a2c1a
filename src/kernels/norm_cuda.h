#pragma once
// GroupNorm with SiLU behind it as two CUDA kernels; MLX composes it from ten operations.

#include "base/tensor.h"

namespace corepulse::kernels {

/** True if cuda_group_norm can take x [B, ..., C]: on a CUDA device, channels in whole 16-byte loads, not too many. */
bool use_cuda_group_norm(const mx::array& x);

/** kernels::group_norm on CUDA. weight and bias float32; statistics in float32. The same bits in every run. */
mx::array cuda_group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                          bool silu);

}  // namespace corepulse::kernels
