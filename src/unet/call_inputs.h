#pragma once
// What a UNet call, or a side network's, is given as arrays, by name.

#include <optional>
#include <vector>

#include "base/tensor.h"
#include "control/plan.h"

namespace corepulse::unet {

/**
 * The arrays in which calls of one run may differ while every attention layer does the same. Texts are not among them:
 * their keys and values are constants of the run (attention::RunCache).
 */
struct CallInputs {
  /** What a resnet of an up block is given differently, see freeu.h. */
  struct Gain {
    int joint = 0;                           ///< Which resnet, in order of execution.
    bool by_mean = false;                    ///< See control::FeatureGains.
    std::optional<mx::array> backbone = {};  // [B, 1, 1, 1], float32
    std::optional<mx::array> skip = {};      // [B, 1, 1, 1], float32
  };
  /** What a resnet adds to the picture becomes in part what a recorded run's did, or another row's does. */
  struct Mix {
    int resnet = 0;                          ///< Which, in order of execution (unet::resnets).
    std::optional<mx::array> recorded = {};  // [B, h, w, C]
    std::vector<int> from = {};              ///< Without a recording: by row, whose.
    mx::array share;                         // [B, 1 or h, 1 or w, 1], float32, 0..1
  };
  struct Added {
    mx::array pooled;    // [B, pooled width]
    mx::array time_ids;  // [B, ids * addition_time_width]: their sinusoids
  };
  mx::array sample;            // [B, h, w, in_channels], scaled as the model wants it
  mx::array timestep;          // [B, channels of the finest level]: its sinusoids
  std::optional<Added> added;  ///< SDXL's added conditioning.
  /** What side networks add to the skips, in the order made, and to the middle block's result; or none at all. */
  std::vector<mx::array> residuals = {};  // [B, h, w, C] each
  /** The same of those whose part of it the blocks behind see, too (T2I-Adapter): added where the skip is made. */
  std::vector<mx::array> features = {};  // [B, h, w, C] each
  std::vector<Gain> gains = {};          ///< In order of their joints; the others are as they are.
  std::vector<Mix> mixes = {};           ///< In the order in which they act.
  /** What resnets add is shown to the recorder, by capture. */
  std::vector<control::FeatureWatch> watched = {};
  std::vector<mx::array> beside = {};  ///< nn::Branches::numbers() of what stands beside the weights.
  /** Of a side network's call instead: what it makes of the picture, whatever the moment. */
  struct Hint {
    mx::array picture;                   // [1, h, w, C]
    std::optional<mx::array> type = {};  ///< Where it tells types of pictures apart: [1, width of the moment].
  };
  std::optional<Hint> hint = {};
};

/** Hands every array to `visit`, in a fixed order. The one list of them: recordings are made and fed by it. */
template <class Visit>
void each(CallInputs& inputs, Visit visit) {
  visit(inputs.sample), visit(inputs.timestep);
  if (inputs.added) visit(inputs.added->pooled), visit(inputs.added->time_ids);
  for (auto& residual : inputs.residuals) visit(residual);
  for (auto& feature : inputs.features) visit(feature);
  for (auto& gain : inputs.gains)
    for (auto* numbers : {&gain.backbone, &gain.skip})
      if (*numbers) visit(**numbers);
  for (auto& mix : inputs.mixes) {
    if (mix.recorded) visit(*mix.recorded);
    visit(mix.share);
  }
  for (auto& number : inputs.beside) visit(number);
  if (inputs.hint) visit(inputs.hint->picture);
  if (inputs.hint && inputs.hint->type) visit(*inputs.hint->type);
}

}  // namespace corepulse::unet
