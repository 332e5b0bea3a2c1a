#pragma once
// What a run is given of the picture it starts from, as latents.

#include <functional>
#include <optional>

#include "model/model.h"
#include "pipeline/init/start.h"
#include "pipeline/resolve.h"
#include "sampler/noise/noise.h"

namespace corepulse::pipeline {

struct StartLatents {
  mx::array first;  ///< x [B, h, w, 4] at the schedule's first sigma, float32.
  /** An inpainting model's further channels: the mask and the picture without what is drawn anew, [B, h, w, 5]. */
  std::optional<mx::array> beside = {};
  /** What step i made -> what the next step, or the decoder, is given. Empty: the same. */
  std::function<mx::array(int i, const mx::array& x)> between_steps = {};
};

/**
 * @param start absent: from noise alone, which is all that most runs are given.
 * Draws from `noise` as the compatible tool does: Diffusers takes samples of what the encoder says, with each image's
 * first numbers; the others its mean. @throws Error{bad_file} if the encoder makes numbers that are none.
 */
StartLatents start_latents(const model::Model& model, const model::Parts& parts, const Resolved& resolved,
                           const std::optional<Start>& start, const sampler::BatchNoise& noise);

}  // namespace corepulse::pipeline
