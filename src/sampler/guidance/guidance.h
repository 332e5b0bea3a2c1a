#pragma once
// Classifier-free guidance, on the network's outputs (for guidance alone the estimates of x0 would do as well), and
// what shapes it. All arrays are [B, h, w, C]; lengths, products and means are each image's own.

#include <utility>

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

// What the negative prompt predicts, changed in view of what the prompt does. `strength` is the share that is changed.

/** CFG-Zero*: uncond times <cond, uncond> / (|uncond|^2 + 1e-8). */
mx::array zero_star(const mx::array& uncond, const mx::array& cond, double strength);

/** TCFG: of uncond what lies along the first right singular vector of the rows cond and uncond. */
mx::array tangential(const mx::array& uncond, const mx::array& cond, double strength);

// The difference, changed.

/** APG: no longer than `limit` (0: as long as it is), then of what lies along cond `parallel`. */
mx::array projected(const mx::array& difference, const mx::array& cond, double parallel, double limit);

/** FDG: low times what a Laplacian pyramid has below its finest level, high times the rest. */
mx::array by_frequency(const mx::array& difference, double low, double high);

/** How skimmed() is asked. */
struct Skimming {
  double guidance = 1, scale = 0;
  bool full_negative = false;  ///< uncond is skimmed with 0.
  bool filter = true;          ///< Only where the guided result moves away from x.
};

/**
 * Skimmed CFG: both predictions, changed where guidance takes the estimate too far. Estimates of the picture decide
 * (`uncond_picture`, `cond_picture`), in x's coordinates.
 * @return uncond and cond.
 */
std::pair<mx::array, mx::array> skimmed(std::pair<mx::array, mx::array> predicted,
                                        std::pair<mx::array, mx::array> pictures, const mx::array& x,
                                        const Skimming& how);

// The result, changed.

/** Dynamic thresholding of estimates of the picture: see control/effects/guidance/thresholded.cpp. */
mx::array thresholded(const mx::array& guided, const mx::array& mimic, double percentile, double strength);

}  // namespace corepulse::sampler
