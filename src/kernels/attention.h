#pragma once
// softmax(scale Q K^T + bias) V, never holding the N x T matrix.

#include "base/tensor.h"
#include "kernels/options.h"

namespace corepulse::kernels {

/**
 * Heads stay interleaved: q [B, N, H*D], k and v [B, T, H*D] -> [B, N, H*D], any D up to 512.
 * A query's result depends on its own row and on its batch row's keys only: the same bits whatever other queries or
 * batch rows stand beside it (CPU). A query whose keys are all masked gives zeros.
 */
mx::array attention(const mx::array& q, const mx::array& k, const mx::array& v, const AttentionOptions& options);

/** The plain formula with an explicit softmax, MLX ops only. */
mx::array attention_reference(const mx::array& q, const mx::array& k, const mx::array& v,
                              const AttentionOptions& options);

}  // namespace corepulse::kernels
