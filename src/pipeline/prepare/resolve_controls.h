#pragma once
// A list of controls against the models of a pass: the program of each, and the files that it reads.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "control/program/program.h"
#include "pipeline/capture/recording_file.h"
#include "pipeline/functions.h"
#include "pipeline/guide/guides.h"
#include "pipeline/guide/picture_prompts.h"
#include "pipeline/init/start.h"
#include "pipeline/picture/mask_picture.h"
#include "pipeline/prepare/handover.h"
#include "pipeline/prepare/outline.h"
#include "pipeline/prepare/program_inputs.h"
#include "pipeline/prepare/resolve.h"
#include "pipeline/weights/adapter_files.h"

namespace corepulse::pipeline {

/** A list of controls, and the files that it and all lists before it read. */
struct ResolvedControls {
  std::vector<Control> controls;  ///< As the finished picture's recipe has them: see MaskPictures::keep.
  control::Program program;
  RecordingList recordings;
  AdapterFiles adapters;
  Guides guides;
  PicturePrompts pictures;
  std::unique_ptr<ResolvedControls> refined = {};  ///< The same on the refiner, where one ends the run.
  std::vector<std::string> notes = {};             ///< Of those that act on one of the two alone.
};

/** What lists of controls have read so far, of a model. */
struct KnownFiles {
  RecordingList recordings;
  AdapterFiles adapters;
  std::string loras;  ///< See Recipe.
  std::vector<control::ContextSpec> texts = {};
  Guides guides = {};  ///< Of runs of the same size.
  PicturePrompts pictures = {};
};

/** What a pass's controls are resolved against. */
struct PassControl {
  const Resolved& resolved;
  const std::optional<Start>& start;
  MaskPictures& masks;
  /** Of the recipe's model, and of the refiner. */
  struct Model {
    const Outline& outline;
    Words words;
    std::vector<control::Step> calls;
    FunctionList functions;
  };
  Model own;
  std::optional<Model> refiner = {};
  const Handover* handover = nullptr;
};

/** The pass as both models run it. The arguments must outlive it. */
PassControl pass_of(const Resolved& resolved, const std::optional<Start>& start, MaskPictures& masks,
                    const Outline& outline, const Words& words, const FunctionList& functions,
                    const std::optional<Handover>& handover);

/** On one of the pass's models, which runs it as `resolved`. @throws as prepare. */
ResolvedControls resolve_controls(std::vector<Control> controls, const Resolved& resolved, const PassControl& pass,
                                  const PassControl::Model& model, const KnownFiles& known,
                                  control::ProgramOptions options);
/** On both models where a refiner ends the pass. What is switched off in one of them has the other's files. */
ResolvedControls resolve_controls(const std::vector<Control>& controls, const PassControl& pass,
                                  const KnownFiles& known, const KnownFiles& known_behind,
                                  control::ProgramOptions options);

}  // namespace corepulse::pipeline
