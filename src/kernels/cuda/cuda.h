#pragma once
// Own kernels on NVIDIA's GPUs, as the operations see them. A build without CUDA links no_cuda.cpp: nothing is theirs.

#include <optional>
#include <utility>

#include "base/tensor.h"
#include "kernels/options.h"

namespace corepulse::kernels::cuda {

// Each computes, lazily, what the operation of its name is to give; or nothing, where MLX's operations must do it: on
// another device, in sizes that do not suit. The operation has checked the shapes.

/**
 * For heads that cuDNN's attention does not take: Stable Diffusion 1.x has heads of 160 numbers, cuDNN stops at 128.
 * Takes float16 in heads of 129..176 numbers, a multiple of 16; logits and sums are float32. Along their last axis q, k
 * and v are contiguous; they may be slices of a wider array.
 */
std::optional<mx::array> attention(const mx::array& q, const mx::array& k, const mx::array& v,
                                   const AttentionOptions& options);

/** Loads 16 bytes at a time, where mx::compile's goes through x's halves number by number. Computed in float32. */
std::optional<mx::array> geglu(const mx::array& x);

/**
 * Of what the parts add up to, or of parts.x and a skip beside it; MLX composes GroupNorm from ten operations. All of
 * x's type, weight and bias float32, statistics in float32; channels of x and of skip in whole 16-byte loads, together
 * not too many. The same bits in every run.
 */
std::optional<mx::array> group_norm(const Parts& parts, const std::optional<mx::array>& skip, const mx::array& weight,
                                    const mx::array& bias, int groups, float eps, bool silu);

/**
 * weight [out, in] + share [1] * up [out, rank] down [rank, in] in one pass over memory, where a product of so few
 * columns goes through it slower. Takes float16, share of any type; sums in float32.
 */
std::optional<mx::array> with_thin(const mx::array& weight, const mx::array& up, const mx::array& down,
                                   const mx::array& share);

/** MLX's LayerNorm neither adds nor takes float32 weights beside float16 numbers. weight and bias float32. */
std::optional<mx::array> layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);
/** The norm of x + y, of one shape; then that sum, to which `carried` [C] is added too. */
std::optional<std::pair<mx::array, mx::array>> add_layer_norm(const mx::array& x, const mx::array& y,
                                                              const mx::array& weight, const mx::array& bias, float eps,
                                                              const std::optional<mx::array>& carried);

}  // namespace corepulse::kernels::cuda
