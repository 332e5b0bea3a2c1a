#pragma once
// A whole run as data: what to draw, how, with which controls. As JSON it repeats the picture.
//
//   corepulse::Recipe recipe = corepulse::recipe_from_json(R"({"version": 1, "prompt": "a cat in a
//   park",
//     "seed": 3, "controls": [{"kind": "inject", "prompt": "a dragon", "where": "content"}]})");
//   recipe.steps = 30;
//   std::string text = corepulse::to_json(recipe);  // recipe_from_json(text) == recipe
//
// The JSON Schema is docs/recipe.schema.json.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/control.h"
#include "corepulse/init_picture.h"
#include "corepulse/sampling.h"
#include "corepulse/second_pass.h"

namespace corepulse {

/** A change of the controls while the run was going on: from this step on they are these. */
struct LiveEdit {
  int step = 0;
  std::vector<Control> controls;
  bool operator==(const LiveEdit&) const = default;
};

/** What computed a finished picture. Bits repeat where all of it is the same; ignored as input. */
struct MadeWith {
  std::string program, model, backend, dtype, isa;  ///< model: its fingerprint (corepulse/model.h).
  std::string model_sha256;                         ///< Of its file, where the model is one file.
  std::string refiner = {};                         ///< Its fingerprint, where one ended the run.
  bool operator==(const MadeWith&) const = default;
};

/**
 * How prompts are read: as they stand, or with another tool's syntax, its arithmetic of weights and its chunks of 75
 * tokens (docs/prompts.md).
 */
enum class PromptSyntax { plain, a1111, comfy, compel };

/** @throws Error{invalid_request} naming the nearest valid one. */
PromptSyntax parse_syntax(std::string_view name);

/** A word of a prompt that a file defines (textual inversion). */
struct Embedding {
  std::string name;    ///< The file's, without ".safetensors".
  std::string sha256;  ///< Of the file, checked when it is read; "": unknown.
  bool operator==(const Embedding&) const = default;
};

/** Docs: docs/prompts.md, "Words from files". */
struct Embeddings {
  std::string folder;  ///< The names of its files are words; in syntax comfy behind "embedding:".
  /** The words that there are. Empty: those of all files. A picture's recipe names those that its texts hold. */
  std::vector<Embedding> files;
  bool operator==(const Embeddings&) const = default;
};

/**
 * What a model, or a LoRA over it, was distilled to in order to draw in a few steps. Its authors' settings are one word
 * (docs/samplers.md, "Few-step models").
 */
enum class FewSteps { lcm, turbo, lightning, hyper, dmd2 };

/** @throws Error{invalid_request} naming the nearest valid one. */
FewSteps parse_few_steps(std::string_view name);
const char* name(FewSteps kind) noexcept;

/**
 * A second model that takes over the last part of a run: SDXL's refiner, or another model with the same latents. It
 * goes on with them, reads the recipe's prompt with its own text encoder, and obeys the recipe's controls at its own
 * layers, whose windows and curves are those of the whole run. Of two passes it ends the second. Docs: docs/models.md,
 * "A refiner".
 */
struct Refiner {
  std::string model;  ///< As ModelSource::model; its latents and noise levels are those of the recipe's model.
  /**
   * 0..1, the share of the run that is the model's own. Of the noise levels it was trained with: timesteps below
   * 1000 (1 - switch_at) are the refiner's, as Diffusers' denoising_end and denoising_start and A1111 have it. compat
   * comfy, and models trained with EDM: of the schedule's steps. Where no step is left for the refiner it is not
   * loaded.
   */
  double switch_at = 0.8;
  bool operator==(const Refiner&) const = default;
};

struct Recipe {
  int version = 1;
  std::string model;  ///< "": the pipeline's, else the built-in one. And its parts, "" = its own (see ModelSource).
  std::string unet, vae, text_encoder, text_encoder_2, tokenizer, config, family, prediction, variant;
  std::string prompt, negative_prompt;
  /** What SDXL's second text encoder reads instead; "": the same. Controls' phrases are those of the first. */
  std::string prompt_2, negative_prompt_2;
  PromptSyntax syntax = PromptSyntax::plain;  ///< Of these, and of the prompts of controls.
  int width = 0, height = 0;       ///< Pixels; 0: the model's native size, with `init` in its picture's proportions.
  std::vector<uint64_t> seeds{0};  ///< One image each. JSON: `seed` for one, or `seeds`.
  /**
   * A word about the model. with_few_steps() sets the settings that go with it, and reading JSON does; a run looks
   * only whether the model's files look like it, for a note.
   */
  std::optional<FewSteps> few_steps = {};
  int steps = 20;
  double guidance = 5;          ///< 1: no negative prompt is read, one row per image.
  double guidance_rescale = 0;  ///< 0..1.
  /** instruct-pix2pix models: how strongly `init` leads, as `guidance` the prompt; absent: 1.5. */
  std::optional<double> image_guidance = {};
  /** A picture's recipe names the sampler and the schedule that drew it. */
  SamplerKind sampler = SamplerKind::model;
  ScheduleKind schedule = ScheduleKind::model;
  /**
   * Timesteps to call the model at, falling, instead of `steps` and `schedule`: as many steps as there are. In a
   * picture's recipe `steps` is their number and `schedule` is `model`.
   */
  std::vector<double> timesteps = {};
  std::vector<double> sigmas = {};  ///< Likewise, noise levels; a last 0 may be given, for every run ends there.
  std::optional<double> eta;        ///< Share of fresh noise; absent: the sampler's own.
  NoiseKind rng = NoiseKind::cpu;
  Compat compat = Compat::diffusers;
  /** The model's noise levels are rescaled so that the run starts from pure noise (zero terminal SNR): for models that
   * were trained so and do not say it. Schedule `model` is `trailing` then. No effect on models that say it. */
  bool zero_snr = false;
  std::string dtype = "auto";  ///< "auto", "f32", "f16", "bf16", "int8".
  int clip_skip = 0;           ///< Last text encoder layers left out; compat diffusers: not of negative prompts.
  std::optional<Embeddings> embeddings = {};  ///< Words that files define; absent: none.
  std::string loras;                ///< Where LoRAs lie whose names name no folder. A picture's recipe names files.
  std::optional<InitPicture> init;  ///< What the run starts from; absent: noise alone.
  std::optional<SecondPass> second_pass = {};  ///< Over what the run drew, at another size.
  std::optional<Refiner> refiner = {};         ///< Another model for the end of the run.
  /** What SDXL's refiner is told the picture is worth, 0..10: in rows of the prompt, absent: 6, and of the negative
   * one, absent: 2.5. Other models do not ask. */
  std::optional<double> aesthetic_score = {}, negative_aesthetic_score = {};
  std::vector<Control> controls;  ///< They act in this order.
  std::vector<LiveEdit> edits;    ///< In order of steps, of the first pass.
  MadeWith made_with;
  bool operator==(const Recipe&) const = default;
};

/** `recipe` with what the authors of such models publish: sampler, schedule or timesteps, steps, guidance. */
Recipe with_few_steps(Recipe recipe, FewSteps kind);

/** All numbers in full, so that reading gives the same recipe. @param indent spaces per level; -1: one line. */
std::string to_json(const Recipe& recipe, int indent = 2);
std::string to_json(const std::vector<Control>& controls, int indent = 2);

/**
 * Strict: an unknown field, kind, unit or name, a duplicate, a number out of range, is an error that gives its JSON
 * path and the nearest valid name.
 * @throws Error{invalid_request}.
 */
Recipe recipe_from_json(std::string_view text);
/** A JSON array of controls, for live edits. */
std::vector<Control> controls_from_json(std::string_view text);

/** A recipe that comes with the library, for the built-in model: one use of control each, to start from. */
struct Preset {
  std::string name;   ///< "two-regions".
  std::string about;  ///< One line.
};
/** All of them, by name. @throws Error not_found, bad_file if the installation is incomplete. */
std::vector<Preset> presets();
bool is_preset(std::string_view name);
/** Its recipe, as recipe_from_json reads it. @throws Error{not_found} naming all there are. */
std::string preset_json(std::string_view name);

}  // namespace corepulse
