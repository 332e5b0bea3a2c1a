#pragma once
// Everything about a run that can be known without weights: the checked recipe and the resolved program.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/program/timeline.h"
#include "pipeline/capture/recording_file.h"
#include "pipeline/functions.h"
#include "pipeline/guide/guides.h"
#include "pipeline/init/start.h"
#include "pipeline/picture/mask_picture.h"
#include "pipeline/prepare/notes.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/program_inputs.h"
#include "pipeline/prepare/resolve.h"
#include "pipeline/weights/adapter_files.h"
#include "text/embeddings/embedded_words.h"

namespace corepulse::pipeline {

/** A list of controls, and the files that it and all lists before it read. */
struct ResolvedControls {
  std::vector<Control> controls;  ///< As the finished picture's recipe has them: see MaskPictures::keep.
  control::Program program;
  RecordingList recordings;
  AdapterFiles adapters;
  Guides guides;
};

struct Prepared {
  Resolved resolved;
  control::Timeline control;  ///< The controls, and the edits of them.
  RecordingList recordings;   ///< By the index that plans hold.
  AdapterFiles adapters;      ///< By the index that WeightChange holds.
  Guides guides;              ///< By the index that SideCall holds.
  std::string loras;          ///< The given recipe's; the resolved one names files.
  std::shared_ptr<MaskPictures> masks;
  Words words;                            ///< Those of the recipe's `embeddings`.
  std::optional<Start> start;             ///< The recipe's `init`.
  std::vector<std::string> notes;         ///< What the user should know: words cut off, neutral controls, guesses.
  std::unique_ptr<Prepared> second = {};  ///< The recipe's second pass, as a run whose `init` has no picture.
  /** The inversion of `init`, as a run that draws its prompt at guidance 1 with the LoRAs of the recipe. */
  std::unique_ptr<Prepared> inversion = {};
};

/** What is computed, in order: the inversion, the first pass, the second. */
std::vector<const Prepared*> all_runs(const Prepared& prepared);

/**
 * @param elide see control::ProgramOptions, of the recipe's controls; off only in tests.
 * @throws every Error of the request's that is not about weights or memory.
 */
Prepared prepare(const Recipe& recipe, const Outline& outline, const FunctionList& functions = {}, bool elide = true);

/** Another list of controls for a later step of the same run. @param path what errors call it. @throws as prepare. */
ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const Outline& outline,
                              const FunctionList& functions, const std::string& path);

}  // namespace corepulse::pipeline
