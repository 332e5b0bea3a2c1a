#pragma once
// What a UNet call is given as arrays, by name.

#include <optional>

#include "base/tensor.h"

namespace corepulse::unet {

/**
 * The arrays in which calls of one run may differ while every attention layer does the same. Texts are not among them:
 * their keys and values are constants of the run (attention::RunCache).
 */
struct CallInputs {
  struct Added {
    mx::array pooled;    // [B, pooled width]
    mx::array time_ids;  // [B, 6 * addition_time_width]: their sinusoids
  };
  mx::array sample;            // [B, h, w, in_channels], scaled as the model wants it
  mx::array timestep;          // [B, channels of the finest level]: its sinusoids
  std::optional<Added> added;  ///< SDXL's added conditioning.
  // A side network's residuals (ControlNet) would be a field here and in each(); UNet::operator() would add them to the
  // skips and to what the middle block makes.
};

/** Hands every array to `visit`, in a fixed order. The one list of them: recordings are made and fed by it. */
template <class Visit>
void each(CallInputs& inputs, Visit visit) {
  visit(inputs.sample), visit(inputs.timestep);
  if (inputs.added) visit(inputs.added->pooled), visit(inputs.added->time_ids);
}

}  // namespace corepulse::unet
