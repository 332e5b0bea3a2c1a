#pragma once
// Classifier-free guidance, on the network's outputs (for guidance alone the estimates of x0 would do as well).

#include "base/tensor.h"

namespace corepulse::sampler {

/** uncond + scale * (cond - uncond). */
mx::array guide(const mx::array& uncond, const mx::array& cond, double scale);

/**
 * Guidance rescale (Lin et al. 2023, section 3.4; Diffusers' rescale_noise_cfg): `guided` with a share of it brought
 * to the standard deviation of `cond`, image by image. Diffusers applies it to the network's output (noise or v), not
 * to x0; so must the caller.
 * @param share 0..1; 0 returns `guided` itself.
 */
mx::array rescale_guidance(const mx::array& guided, const mx::array& cond, double share);

}  // namespace corepulse::sampler
