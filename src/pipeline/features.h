#pragma once
// What a UNet call is given of controls that change features, as arrays by row.

#include <vector>

#include "attention/observer.h"
#include "control/plan.h"
#include "unet/call_inputs.h"

namespace corepulse::pipeline {

/** What is done to the features of these rows: those that stay as they are are left out. */
std::vector<unet::CallInputs::Gain> gains_of(const control::StepPlan& plan, const std::vector<control::Row>& rows);

/** What a call is of: its step, whose rows these are, and the UNet's resnets at this size of the latents. */
struct FeatureCall {
  const control::Step& step;
  const std::vector<control::Site>& resnets;
  int latent_height = 0, latent_width = 0;
};

/** What of others' features goes into those of these rows. */
std::vector<unet::CallInputs::Mix> mixes_of(const control::StepPlan& plan, const FeatureCall& call,
                                            const attention::Recordings& recordings);

}  // namespace corepulse::pipeline
