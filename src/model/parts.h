#pragma once
// A model understood but not yet loaded: every network's config and tensors, checked against each other.

#include <optional>
#include <string>
#include <vector>

#include "model/config/scheduler.h"
#include "model/files/collect.h"
#include "text/config.h"
#include "text/vocabulary.h"
#include "unet/config.h"
#include "vae/config.h"

namespace corepulse::model {

struct TextPart {
  Part part = Part::text_encoder;
  text::Config config;
  text::OutputRule rule;
  /** The tokenizer's folder, or CLIP's own vocabulary with this padding. */
  std::optional<std::filesystem::path> tokenizer;
  text::Padding padding = text::Padding::eos;
};

struct Parts {
  Collection collection;
  Family family = Family::sd1;
  unet::Config unet;
  vae::Config vae;
  std::vector<TextPart> texts;  ///< One; two for SDXL, whose refiner has the second alone.
  Scheduler scheduler;
  /** Diffusers replaces an absent negative prompt by zeros: SDXL's, unless the model's index says otherwise. */
  bool zeros_for_empty_prompt = false;
  std::vector<std::string> notes;
};

/**
 * Finds, reads headers and configs, decides the family, derives what is not said, and checks that
 * the networks fit and have the tensors that their configs ask for: what loading refuses is refused here, but for
 * numbers, which are not read. @throws Error not_found, bad_file, unsupported_model, invalid_request.
 */
Parts understand(const ModelSource& source);

}  // namespace corepulse::model
