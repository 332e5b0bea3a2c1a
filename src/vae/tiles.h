#pragma once
// Decoding piece by piece, for pictures whose whole would not fit.

#include <functional>

#include "base/tensor.h"

namespace corepulse::vae {

/**
 * Decodes z [B, h, w, C] in tiles of `tile` x `tile` latents, a quarter of which overlaps the
 * neighbours above and to the left and is blended linearly (Diffusers' AutoencoderKL.tiled_decode).
 * `scale` is pixels per latent.
 */
mx::array tiled(const mx::array& z, int tile, int scale, const std::function<mx::array(const mx::array&)>& decode);

}  // namespace corepulse::vae
