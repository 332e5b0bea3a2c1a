#pragma once
// GroupNorm (with SiLU behind it) and LayerNorm. Statistics in float32 or better.

#include "base/tensor.h"
#include "kernels/beside.h"
#include "kernels/linear.h"
#include "kernels/sum.h"

namespace corepulse::kernels {

/** x [B, ..., C] normalised over each group of C/groups channels of one batch row; silu applies x*sigmoid(x) after. */
mx::array group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu = false);
/** Of what a convolution makes: what waits to be added to it is added as it is read. */
mx::array group_norm(const Sum& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu = false);
/** The same bits as of x.whole(), which the own kernels do without. */
mx::array group_norm(const Beside& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                     bool silu = false);
mx::array group_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups,
                               float eps, bool silu = false);

/** x [..., C] normalised over C. */
mx::array layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);
/**
 * Of a sum, which is made on the way: on CUDA, one pass over memory for both.
 * @param next the product that will be added to x then: where a product adds either an array or its bias (CUDA), x is
 * made with that bias, too.
 */
mx::array layer_norm(const Sum& x, const mx::array& weight, const mx::array& bias, float eps,
                     const Linear* next = nullptr);
mx::array layer_norm_reference(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps);

}  // namespace corepulse::kernels
