#pragma once
// What a run is given of the picture it starts from, as latents.

#include <functional>
#include <optional>
#include <vector>

#include "model/model.h"
#include "pipeline/init/invert.h"
#include "pipeline/init/start.h"
#include "pipeline/prepare/resolve.h"
#include "sampler/noise/noise.h"

namespace corepulse::pipeline {

/** What a run, or its second pass, starts from: one of these, or noise alone. */
struct StartFrom {
  const Start* init = nullptr;            ///< The recipe's `init`;
  const Way* way = nullptr;               ///< with it, what its inversion found.
  std::vector<Image> pictures = {};       ///< One for each image, of the run's size.
  std::optional<mx::array> latents = {};  ///< [B, h, w, 4]
  /** Of the caller's, with or without them: in place of the seeds' noise; or x itself at the first sigma. */
  std::optional<mx::array> noise = {}, x = {};  // [B, h, w, 4]
};

struct StartLatents {
  mx::array first;  ///< x [B, h, w, 4] at the schedule's first sigma, float32.
  /** An inpainting model's further channels, the mask and the picture without what is drawn anew: [B, h, w, 5]; an
   * instruct-pix2pix model's, the picture: [B, h, w, 4]. */
  std::optional<mx::array> beside = {};
  /** What step i made -> what the next step, or the decoder, is given. Empty: the same. */
  std::function<mx::array(int i, const mx::array& x)> between_steps = {};
};

/** What the encoder takes for the picture's latent, its mean: [1, h, w, 4]. @throws as start_latents. */
mx::array picture_latent(const model::Model& model, const model::Parts& parts, const Image& picture);

/**
 * Draws from `noise` as the compatible tool does: Diffusers takes samples of what the encoder says, with each image's
 * first numbers; the others its mean. @throws Error{bad_file} if the encoder makes numbers that are none.
 */
StartLatents start_latents(const model::Model& model, const model::Parts& parts, const Resolved& resolved,
                           const StartFrom& from, const sampler::BatchNoise& noise);

}  // namespace corepulse::pipeline
