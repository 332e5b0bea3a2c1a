#pragma once
// Prompts to what the UNet reads: the context of every text of a run, and SDXL's pooled vectors.

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "corepulse/recipe.h"

#include "control/plan.h"
#include "control/program/program.h"
#include "model/model.h"
#include "pipeline/known_texts.h"
#include "text/embeddings/embedded_words.h"
#include "unet/unet.h"

namespace corepulse::pipeline {

/**
 * Encodes one prompt with all encoders of the model, side by side as SDXL wants them; evaluated.
 * @param syntax whose arithmetic of weights and chunks. @param words that files define, or null. @param second what all
 * encoders but the first read instead; the shorter of the two goes on as an empty text.
 */
EncodedText encode_prompt(const model::Model& model, const PromptText& prompt, int clip_skip,
                          PromptSyntax syntax = PromptSyntax::plain, const text::EmbeddedWords* words = nullptr,
                          const std::optional<PromptText>& second = {});

/** The model whose text encoders are changed so, besides what they are. */
using ChangedModel = std::function<std::shared_ptr<const model::Model>(const control::WeightChanges& changes)>;

/**
 * Those of a run's texts that are not among `encoded` yet, appended to it. What recipe.compat decides of negative
 * prompts: an empty one of SDXL is zeros in A1111, in Diffusers where the model's index says so, and encoded in
 * ComfyUI; Diffusers' clip_skip leaves them alone. @param changed for texts that changed text encoders read.
 * @param known of `model`, or null.
 */
void encode_texts(const model::Model& model, const std::vector<control::ContextSpec>& texts, const Recipe& recipe,
                  std::vector<EncodedText>& encoded, const text::EmbeddedWords* words = nullptr,
                  const ChangedModel& changed = {}, KnownTexts* known = nullptr);

/** The contexts alone, by TextId. */
std::vector<mx::array> contexts(const std::vector<EncodedText>& texts);

/** What SDXL's refiner is told the picture is worth: in rows that read the prompt, and the negative one. */
struct AestheticScores {
  float prompt = 0, negative = 0;
};

/** SDXL's added conditioning for the rows of a call; nothing for other families. @param scores its refiner's. */
std::optional<unet::AddedConditioning> added_conditioning(const std::vector<EncodedText>& texts,
                                                          const control::StepPlan& plan,
                                                          const control::TimeIds& own_time_ids,
                                                          const std::optional<AestheticScores>& scores,
                                                          const std::vector<control::Row>& rows);

}  // namespace corepulse::pipeline
