#pragma once
// GEGLU as one CUDA kernel that loads 16 bytes at a time; mx::compile's goes through its halves number by number.

#include "base/tensor.h"

namespace corepulse::kernels {

/** True if cuda_geglu can take x [..., 2W]: on a CUDA device, halves in whole 16-byte loads. */
bool use_cuda_geglu(const mx::array& x);

/** kernels::geglu on CUDA, computed in float32. */
mx::array cuda_geglu(const mx::array& x);

}  // namespace corepulse::kernels
