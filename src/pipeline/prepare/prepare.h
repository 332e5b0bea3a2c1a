#pragma once
// Everything about a run that can be known without weights: the checked recipe and the resolved program.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/program/timeline.h"
#include "pipeline/capture/recording_file.h"
#include "pipeline/guide/guides.h"
#include "pipeline/init/start.h"
#include "pipeline/picture/mask_picture.h"
#include "pipeline/prepare/handover.h"
#include "pipeline/prepare/notes.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/program_inputs.h"
#include "pipeline/prepare/resolve.h"
#include "pipeline/prepare/resolve_controls.h"
#include "pipeline/weights/adapter_files.h"
#include "text/embeddings/embedded_words.h"

namespace corepulse::pipeline {

struct Prepared {
  Resolved resolved;
  control::Timeline control;  ///< The controls, and the edits of them.
  RecordingList recordings;   ///< By the index that plans hold.
  AdapterFiles adapters;      ///< By the index that WeightChange holds.
  Guides guides;              ///< By the index that SideCall holds.
  PicturePrompts pictures;    ///< By Source::id.
  std::string loras;          ///< The given recipe's; the resolved one names files.
  std::shared_ptr<MaskPictures> masks;
  Words words;                            ///< Those of the recipe's `embeddings`.
  std::optional<Start> start;             ///< The recipe's `init`; of a second pass which part it draws, if not all.
  std::vector<std::string> notes;         ///< What the user should know: words cut off, neutral controls, guesses.
  const Outline* outline = nullptr;       ///< The model whose calls these are,
  std::vector<control::Step> calls = {};  ///< of the run.
  FunctionList functions = {};
  std::unique_ptr<Prepared> second = {};  ///< The recipe's second pass, as a run whose `init` has no picture.
  /** The end of the run on the refiner: `control` has the calls behind the handover. */
  std::optional<Handover> handover = {};
  std::unique_ptr<Prepared> refined = {};
  std::vector<std::string> notes_of_handover = {};  ///< Among `notes`: what acts on one of the two models alone.
  /** The inversion of `init`, as a run that draws its prompt at guidance 1 with the LoRAs of the recipe. */
  std::unique_ptr<Prepared> inversion = {};
};

/** What is computed, in order: the inversion, the first pass, the second, each with what its refiner does. */
std::vector<const Prepared*> all_runs(const Prepared& prepared);

/** The pass that a refiner ends; null: none does. */
const Prepared* refined_pass(const Prepared& prepared);

/**
 * @param outline it must outlive the result. @param elide see control::ProgramOptions, of the recipe's controls; off
 * only in tests. @param open for the refiner's model.
 * @throws every Error of the request's that is not about weights or memory.
 */
Prepared prepare(const Recipe& recipe, const Outline& outline, const FunctionList& functions = {}, bool elide = true,
                 const OutlineOf& open = {});

/** From this step on the run's controls are these; its recipe stays. */
void take(ResolvedControls edit, int step, Prepared& prepared);

/** Another list of controls for a later step of the same run. @param path what errors call it. @throws as prepare. */
ResolvedControls resolve_edit(const std::vector<Control>& controls, const Prepared& prepared, const std::string& path);

}  // namespace corepulse::pipeline
