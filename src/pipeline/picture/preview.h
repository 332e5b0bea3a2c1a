#pragma once
// What a latent looks like, roughly and at no cost.

#include "corepulse/image.h"
#include "corepulse/model.h"

#include "base/tensor.h"

namespace corepulse::pipeline {

/** Image `i` of latents [B, h, w, 4] (the UNet's scale) as h x w RGB, by one linear map per family.
 */
Image preview(const mx::array& latents, int i, const ModelInfo& info);

/** Pictures [1, H, W, 3], about -1..1, to 8 bits as Diffusers rounds them. */
Image to_image(const mx::array& picture);

}  // namespace corepulse::pipeline
