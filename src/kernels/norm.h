#pragma once
// GroupNorm (with SiLU behind it) and LayerNorm. Statistics in float32 or better.

#include "base/tensor.h"

namespace corepulse::kernels {

/** x [B, ..., C] normalised over each group of C/groups channels of one batch row; silu applies x*sigmoid(x) after. */
mx::array group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu = false);
mx::array group_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups,
                               float eps, bool silu = false);

/** x [..., C] normalised over C. */
mx::array layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);
mx::array layer_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);

}  // namespace corepulse::kernels
