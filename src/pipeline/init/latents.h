#pragma once
// The picture that a run starts from, as latents.

#include "corepulse/image.h"

#include "model/model.h"
#include "sampler/noise/noise.h"

namespace corepulse::pipeline {

/** Its latents, and the noise that lies over them at a level sigma. */
struct StartLatents {
  mx::array picture, noise;  ///< [B, h, w, 4], float32.

  mx::array at(double sigma) const;
};

/**
 * Draws from `noise` as the compatible tool does: Diffusers takes a sample of what the encoder says, of each image's
 * first numbers, the others its mean. @throws Error{bad_file} if the encoder makes numbers that are none.
 */
StartLatents start_latents(const model::Model& model, const model::Parts& parts, const Image& picture,
                           const sampler::BatchNoise& noise, Compat compat);

}  // namespace corepulse::pipeline
