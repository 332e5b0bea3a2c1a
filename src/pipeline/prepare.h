#pragma once
// Everything about a run that can be known without weights: the checked recipe and the resolved program.

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "control/program/timeline.h"
#include "model/model.h"
#include "model/parts.h"
#include "pipeline/capture/recording_file.h"
#include "pipeline/functions.h"
#include "pipeline/init/start.h"
#include "pipeline/picture/mask_picture.h"
#include "pipeline/resolve.h"
#include "pipeline/weights/adapter_files.h"
#include "text/embeddings/embedded_words.h"

namespace corepulse::pipeline {

/** A model without its weights: what checking and explaining a recipe needs. Costs milliseconds. */
struct Outline {
  explicit Outline(const ModelSource& source);
  model::Parts parts;
  ModelInfo info;
  std::vector<text::ClipTokenizer> tokenizers;  ///< One per text encoder.

  /** See model_fingerprint; computed when first asked, from any thread. @throws Error{bad_file}. */
  const std::string& fingerprint() const;
  /** See MadeWith::model_sha256; likewise. */
  const std::string& file_sha256() const;

 private:
  mutable std::mutex digesting_;
  mutable std::optional<std::string> fingerprint_, file_sha256_;
};

/** A list of controls, and the files that it and all lists before it read. */
struct ResolvedControls {
  std::vector<Control> controls;  ///< As the finished picture's recipe has them: see MaskPictures::keep.
  control::Program program;
  RecordingList recordings;
  AdapterFiles adapters;
};

struct Prepared {
  Resolved resolved;
  control::Timeline control;  ///< The controls, and the edits of them.
  RecordingList recordings;   ///< By the index that plans hold.
  AdapterFiles adapters;      ///< By the index that WeightChange holds.
  std::string loras;          ///< The given recipe's; the resolved one names files.
  std::shared_ptr<MaskPictures> masks;
  std::shared_ptr<const text::EmbeddedWords> words;  ///< Those of the recipe's `embeddings`; null: none.
  std::optional<Start> start;                        ///< The recipe's `init`.
  std::vector<std::string> notes;         ///< What the user should know: words cut off, neutral controls, guesses.
  std::unique_ptr<Prepared> second = {};  ///< The recipe's second pass, as a run whose `init` has no picture.
};

/** SDXL's size conditioning when nobody asks for another: the picture's own size, uncropped. */
control::TimeIds own_size(const Recipe& recipe);

/**
 * @param elide see control::ProgramOptions, of the recipe's controls; off only in tests.
 * @throws every Error of the request's that is not about weights or memory.
 */
Prepared prepare(const Recipe& recipe, const Outline& outline, const FunctionList& functions = {}, bool elide = true);

/** Another list of controls for a later step of the same run. @param path what errors call it. @throws as prepare. */
ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const Outline& outline,
                              const FunctionList& functions, const std::string& path);

/** For people: the controls of a program that change nothing. @param list "" or "edits[0]: ". */
std::vector<std::string> neutral_notes(const control::Program& program, const std::string& list = "");

}  // namespace corepulse::pipeline
