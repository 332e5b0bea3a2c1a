#pragma once
// Attention for heads that cuDNN's does not take: Stable Diffusion 1.x has heads of 160 numbers, cuDNN stops at 128.

#include "kernels/attention.h"

namespace corepulse::kernels {

/** True if cuda_attention can take q [B, N, H*D]: on a CUDA device, float16, D a multiple of 16 in 129..176. */
bool use_cuda_attention(const mx::array& q, const AttentionOptions& options);

/**
 * kernels::attention on CUDA in one kernel; logits and sums in float32. Along their last axis q, k and v are
 * contiguous; they may be slices of a wider array.
 */
mx::array cuda_attention(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& options);

}  // namespace corepulse::kernels
