#pragma once
// What a latent looks like, roughly and at no cost.

#include <string>

#include "corepulse/image.h"
#include "corepulse/model.h"

#include "base/tensor.h"

namespace corepulse::pipeline {

/** Image `i` of latents [B, h, w, 4] (the UNet's scale) as h x w RGB, by one linear map per family.
 */
Image preview(const mx::array& latents, int i, const ModelInfo& info);

/** Before weights are read: whether the file can draw this model's latents. @throws Error invalid_request; as
 * vae::check_tiny_decoder. */
void check_previews(const std::string& file, const ModelInfo& model);

/** Pictures [1, H, W, 3], about -1..1, to 8 bits as Diffusers rounds them. */
Image to_image(const mx::array& picture);

}  // namespace corepulse::pipeline
