#pragma once
// MLX's attention as Metal likes it: heads of a size that has a fused kernel, and else few logits at a time.

#include <cstddef>
#include <optional>

#include "base/tensor.h"

namespace corepulse::kernels {

/**
 * The size to which heads of `size` numbers are filled up with zeros, which changes no logit and no sum: the next that
 * MLX has a fused kernel for. `size` itself where there is none, or for few queries, which have kernels of their own.
 * Stable Diffusion 1's 40 would else be computed with all logits in memory: 1.1 GB of them at 512 x 512.
 */
int fused_head_size(int size, int queries);

/** Logits that are held at a time where no kernel is fused: 128 MB in float16. The VAE's at 1024 x 1024 are four times
 * that, of which softmax takes several arrays. */
constexpr size_t kMostLogits = size_t{1} << 26;

/**
 * softmax(scale Q K^T + mask) V by mx::fast. q [B, H, N, D], k and v [B, H, T, D]; mask, added to the logits, can be
 * broadcast to [B, H, N, T]. -> [B, H, N, D]. More than `most_logits` without a fused kernel are computed in pieces,
 * each evaluated before the next is begun: not for mx::compile.
 */
mx::array metal_attention(const mx::array& q, const mx::array& k, const mx::array& v, float scale,
                          const std::optional<mx::array>& mask, size_t most_logits = kMostLogits);

}  // namespace corepulse::kernels
