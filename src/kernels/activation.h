#pragma once
// Elementwise functions of the networks.

#include "base/tensor.h"

namespace corepulse::kernels {

mx::array silu(const mx::array& x);        // x * sigmoid(x)
mx::array gelu(const mx::array& x);        // x * Phi(x), exact (erf)
mx::array quick_gelu(const mx::array& x);  // x * sigmoid(1.702 x), CLIP-L
/** [..., 2C] -> [..., C]: first half times gelu of the second (Shazeer 2020; Diffusers' GEGLU). */
mx::array geglu(const mx::array& x);
/** x + y; y of x's shape, or [B, 1, ..., C] for x [B, ..., C]. */
mx::array add(const mx::array& x, const mx::array& y);
/** Nearest neighbour, [B, H, W, C] -> [B, 2H, 2W, C]. */
mx::array upsample2x(const mx::array& x);

mx::array silu_reference(const mx::array& x);
mx::array gelu_reference(const mx::array& x);
mx::array quick_gelu_reference(const mx::array& x);
mx::array geglu_reference(const mx::array& x);
mx::array upsample2x_reference(const mx::array& x);

}  // namespace corepulse::kernels
