#pragma once
// What another program's text becomes while it is read: a recipe, and notes of what it cannot say.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "corepulse/picture_recipe.h"

#include "io/json.h"

namespace corepulse::pipeline {

/** Whose numbers and names are read. */
struct ForeignTool {
  const char* program;  ///< PictureRecipe::program.
  PromptSyntax syntax;
  Compat compat;
  NoiseKind rng;
};

/** A file of added weights, as the picture names it. */
struct ForeignLora {
  std::string name;
  double strength = 1, text_strength = 1;
  DoraReading dora = DoraReading::blended;
  std::vector<double> blocks = {};  ///< See Lora.
};

/** Each `take_` checks what a stranger wrote; what does not fit is left out and named. */
class ForeignReading {
 public:
  /** @param loras where LoRAs lie; "": nobody knows. */
  explicit ForeignReading(const ForeignTool& tool, std::string loras = "");

  Recipe& recipe() { return made_.recipe; }
  void note(std::string text);
  /** Something that the recipe cannot say. @param value "": the name says it all. */
  void leave_out(std::string_view name, std::string_view value = {});

  /** Braces that the other program draws as they stand are no choices here. */
  void take_prompts(std::string_view prompt, std::string_view negative);
  /** What SDXL's second text encoder reads; "": the same. */
  void take_second_prompts(std::string_view prompt, std::string_view negative);
  void take_steps(std::optional<double> steps, std::string_view shown);
  void take_guidance(std::optional<double> guidance, std::string_view shown);
  void take_seed(std::optional<uint64_t> seed, std::string_view shown);
  void take_size(std::optional<double> width, std::optional<double> height, std::string_view shown);
  /** Layers left out of the text encoder. */
  void take_clip_skip(std::optional<double> layers, std::string_view shown);
  /** The picture was drawn from another one. */
  void take_strength(std::optional<double> strength, std::string_view shown);
  /** Names as the program has them; `schedule` "": the sampler's name may hold one. */
  void take_sampler(std::string_view sampler, std::string_view schedule);
  /** A model that the picture was drawn with, said once for all of them. */
  void take_model(std::string_view what, std::string_view name);
  /** False: nobody knows where it lies, or its name is none of a file below there. */
  bool take_lora(const ForeignLora& found);
  /** One that the recipe does not have. */
  void name_network(std::string_view name, std::string_view weight);

  PictureRecipe finish() &&;

 private:
  void list(std::vector<std::string>& items, std::string text);
  void note_list(const char* before, const std::vector<std::string>& items, const char* behind);
  void note_sampler(std::string_view name_there);

  PictureRecipe made_;
  std::string folder_of_loras_;
  std::vector<std::string> left_out_, models_, loras_;
};

/** The number that all of the text is. */
std::optional<double> foreign_number(std::string_view text);
std::optional<double> foreign_number(const io::Json* value);
std::optional<uint64_t> foreign_seed(std::string_view text);
std::optional<uint64_t> foreign_seed(const io::Json* value);
/** A value as a message shows it; texts without their quotes. */
std::string foreign_shown(const io::Json* value);
std::string foreign_shown(std::string_view text);

// The readers. @param loras see ForeignReading. @throws Error bad_file, invalid_request.
/** A1111's, Forge's, stable-diffusion.cpp's "parameters". */
PictureRecipe read_infotext(std::string_view text, const std::string& loras);
/** ComfyUI's "prompt". */
PictureRecipe read_comfy_graph(std::string_view text, const std::string& loras);
/** InvokeAI's "invokeai_metadata". */
PictureRecipe read_invoke_metadata(std::string_view text);

[[noreturn]] void refuse_foreign(ErrorCode code, std::string_view message);

}  // namespace corepulse::pipeline
