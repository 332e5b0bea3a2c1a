#pragma once
// GroupNorm (with SiLU behind it) and LayerNorm. Statistics in float32 or better.

#include "base/tensor.h"
#include "kernels/addends.h"

namespace corepulse::kernels {

/**
 * x + added [B, ..., C] normalised over each group of C/groups channels of one batch row; silu applies x*sigmoid(x)
 * after.
 * @param skip channels that follow x's: the same bits as of the two concatenated, which the own kernels
 * do without.
 */
mx::array group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu = false, const Addends& added = {}, const std::optional<mx::array>& skip = {});
mx::array group_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups,
                               float eps, bool silu = false);

/** x [..., C] normalised over C. */
mx::array layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);
/** The sum of two arrays, and that normalised. */
struct SumAndNorm {
  mx::array sum, norm;
};
/**
 * x and y [..., C]: a residual on its way into the next norm, one pass over memory on CUDA.
 * @param carried [C], added to the sum that is returned, not to what is normalised.
 */
SumAndNorm add_layer_norm(const mx::array& x, const mx::array& y, const mx::array& weight, const mx::array& bias,
                          float eps, const std::optional<mx::array>& carried = {});
mx::array layer_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);

}  // namespace corepulse::kernels
