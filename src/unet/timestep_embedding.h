#pragma once
// When: the timestep as sines and cosines, then a small MLP (Ho et al. 2020; Diffusers' Timesteps,
// TimestepEmbedding).

#include <optional>
#include <vector>

#include "nn/layers.h"

namespace corepulse::unet {

/**
 * [n, width]: cosines then sines if `flip`, of value * 10000^(-i / (width/2 - shift)). Computed in float32 and rounded
 * to dtype here: a GPU has nothing to do before it reads them.
 */
mx::array sinusoids(const std::vector<float>& values, int width, bool flip, double shift, mx::Dtype dtype);

struct TimestepEmbedding {
  TimestepEmbedding(const nn::Weights& w, int in, int out, int condition_width = 0);
  /** x [B, in] -> [B, out]; condition [B, condition_width] is LCM's guidance embedding. */
  mx::array operator()(mx::array x, const std::optional<mx::array>& condition = {}) const;

  nn::Linear linear_1, linear_2;
  std::optional<nn::Linear> cond_proj;
};

}  // namespace corepulse::unet
