#pragma once
// A recipe with nothing left open: sizes, defaults and names checked against the model, before any
// weight is read.

#include <optional>

#include "corepulse/model.h"
#include "corepulse/recipe.h"

#include "model/config/scheduler.h"
#include "pipeline/init/picture.h"
#include "sampler/sampler.h"

namespace corepulse::pipeline {

struct Resolved {
  Recipe recipe;  ///< Width, height, dtype are real values now.
  SamplingOptions sampling;
  sampler::Training training;  ///< The model's, with the noise levels that the recipe wants.
  sampler::Schedule schedule;  ///< Of the steps that run.
  int latent_height = 0, latent_width = 0;
  int encodings = 0;  ///< Pictures that it starts from.
};

/** The model's, with the noise levels that the recipe wants. @throws Error{invalid_request}. */
sampler::Training training_of(const Recipe& recipe, const model::Scheduler& own);

/** The recipe's own texts are no longer than any prompt is. @throws Error{invalid_request} naming the field. */
void check_texts(const Recipe& recipe);

/**
 * @param own the model's scheduler. @param start of what the recipe's `init` names, absent without one.
 * @throws Error{invalid_request} naming the field; Error{unsupported_model} for models that only load.
 */
Resolved resolve(const Recipe& recipe, const ModelInfo& info, const model::Scheduler& own,
                 const std::optional<StartSize>& start = {});

}  // namespace corepulse::pipeline
