#pragma once
// What the rows of a call predicted adds up to, in the order of docs/guidance.md.

#include <map>
#include <optional>
#include <vector>

#include "base/tensor.h"
#include "control/plan.h"
#include "sampler/sampler.h"

namespace corepulse::pipeline {

/** What a run's calls leave behind for the next one's sum. */
struct GuidanceMemory {
  /** By image, the difference between the prompt's and the negative prompt's prediction, with those before it as
   * GuidanceShape::Projection::momentum says; of images whose last call had one. */
  std::map<int, mx::array> differences = {};
};

/** A call whose predictions are to be added up. */
struct Summed {
  const control::StepPlan& plan;
  const std::vector<int>& images;
  const sampler::Training& training;
  const mx::array& x;  ///< [n, h, w, C]: of these images, not scaled for the model.
  double sigma = 0;
  double rescale = 0;                ///< Unless the plan says otherwise.
  GuidanceMemory* memory = nullptr;  ///< null: nothing is remembered.
};

/**
 * By image, what the predictions of all rows (StepPlan::rows) add up to, float32.
 * @param blurred what the plan's blurred calls add; nothing: there are none.
 */
mx::array sum_of(const mx::array& predicted, const Summed& call, const std::optional<mx::array>& blurred = {});

/** What is added of a prediction where only some of a call's images have one: 0 for the others. */
mx::array for_images(const mx::array& made, const std::vector<int>& of, const std::vector<int>& images,
                     const mx::array& like);

}  // namespace corepulse::pipeline
