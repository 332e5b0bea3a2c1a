#pragma once
// Decoding and encoding piece by piece, for pictures whose whole would not fit.

#include <functional>

#include "base/tensor.h"

namespace corepulse::vae {

/** How large a network's input and output are, per latent: {1, 8} decodes, {8, 1} encodes. */
struct Scale {
  int in = 1, out = 1;
};

/**
 * Runs a network over x [B, scale.in * h, scale.in * w, C] in tiles of `tile` x `tile` latents, a quarter of which
 * overlaps the neighbours above and to the left and is blended linearly (Diffusers' AutoencoderKL.tiled_decode and
 * tiled_encode).
 */
mx::array tiled(const mx::array& x, int tile, Scale scale, const std::function<mx::array(const mx::array&)>& network);

}  // namespace corepulse::vae
