#pragma once
// What a program is resolved against: the run's sites, calls, texts and pictures.

#include <memory>
#include <vector>

#include "control/inputs.h"
#include "pipeline/encode_prompt.h"
#include "pipeline/init/start.h"
#include "pipeline/picture/mask_picture.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/resolve.h"
#include "text/embeddings/embedded_words.h"

namespace corepulse::pipeline {

/** The words of files that texts may hold; null: none. */
using Words = std::shared_ptr<const text::EmbeddedWords>;

/** SDXL's size conditioning when nobody asks for another: the picture's own size, uncropped. */
control::TimeIds own_size(const Recipe& recipe);
/** What SDXL's refiner is told instead of the last two; nothing for other models. */
std::optional<AestheticScores> scores_of(const Recipe& recipe, const model::Parts& parts);

/** Every model call of the run, in order. */
std::vector<control::Step> calls(const Resolved& resolved);

/** @param calls those of the run that the model makes. @param around where the run draws a part of a picture; else
 * null. Functions, files and layers are still to be added. */
control::ProgramInputs inputs(const Resolved& resolved, const std::vector<control::Step>& calls,
                              const Surroundings* around, const Outline& outline, const Words& words,
                              MaskPictures& masks);

}  // namespace corepulse::pipeline
