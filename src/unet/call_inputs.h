#pragma once
// What a UNet call, or a side network's, is given as arrays, by name.

#include <optional>
#include <vector>

#include "base/tensor.h"

namespace corepulse::unet {

/**
 * The arrays in which calls of one run may differ while every attention layer does the same. Texts are not among them:
 * their keys and values are constants of the run (attention::RunCache).
 */
struct CallInputs {
  struct Added {
    mx::array pooled;    // [B, pooled width]
    mx::array time_ids;  // [B, ids * addition_time_width]: their sinusoids
  };
  mx::array sample;            // [B, h, w, in_channels], scaled as the model wants it
  mx::array timestep;          // [B, channels of the finest level]: its sinusoids
  std::optional<Added> added;  ///< SDXL's added conditioning.
  /** What side networks add to the skips, in the order made, and to the middle block's result; or none at all. */
  std::vector<mx::array> residuals = {};  // [B, h, w, C] each
  /** Of a side network's call instead: what its encoder made of the picture. */
  std::optional<mx::array> hint = {};  // [1, h, w, C]
};

/** Hands every array to `visit`, in a fixed order. The one list of them: recordings are made and fed by it. */
template <class Visit>
void each(CallInputs& inputs, Visit visit) {
  visit(inputs.sample), visit(inputs.timestep);
  if (inputs.added) visit(inputs.added->pooled), visit(inputs.added->time_ids);
  for (auto& residual : inputs.residuals) visit(residual);
  if (inputs.hint) visit(*inputs.hint);
}

}  // namespace corepulse::unet
