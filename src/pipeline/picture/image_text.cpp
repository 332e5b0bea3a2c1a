// The text that travels inside a picture: A1111's line for people and other tools, our recipe for
// ourselves.
#include <algorithm>
#include <fmt/format.h>
#include <map>
#include <variant>

#include "corepulse/pipeline.h"

#include "control/kind.h"
#include "io/json.h"
#include "pipeline/prepare/visit_files.h"

namespace corepulse {
namespace {

/** Names as A1111 prints them. */
const char* a1111_sampler(SamplerKind sampler) {
  static const std::map<SamplerKind, const char*> names = {
      {SamplerKind::euler, "Euler"},
      {SamplerKind::euler_a, "Euler a"},
      {SamplerKind::heun, "Heun"},
      {SamplerKind::ddim, "DDIM"},
      {SamplerKind::dpmpp_2m, "DPM++ 2M"},
      {SamplerKind::dpmpp_2m_sde, "DPM++ 2M SDE"},
      {SamplerKind::dpmpp_sde, "DPM++ SDE"},
      {SamplerKind::unipc, "UniPC"},
      {SamplerKind::lcm, "LCM"},
      {SamplerKind::dpmpp_2s_a, "DPM++ 2S a"},
      {SamplerKind::dpmpp_3m_sde, "DPM++ 3M SDE"},
      {SamplerKind::dpm_2, "DPM2"},
      {SamplerKind::dpm_2_a, "DPM2 a"},
      {SamplerKind::lms, "LMS"},
      {SamplerKind::ddpm, "DDPM"},
      {SamplerKind::pndm, "PLMS"},
      {SamplerKind::tcd, "TCD"},
      {SamplerKind::deis, "DEIS"},
      {SamplerKind::ipndm, "IPNDM"},
      {SamplerKind::euler_cfg_pp, "Euler CFG++"},
      {SamplerKind::dpmpp_2m_cfg_pp, "DPM++ 2M CFG++"},
      {SamplerKind::restart, "Restart"},
  };
  const auto found = names.find(sampler);
  return found == names.end() ? "Automatic" : found->second;  // a result's recipe names the sampler
}

std::string a1111_schedule(ScheduleKind schedule) {
  switch (schedule) {
    case ScheduleKind::model:
      return "Automatic";
    case ScheduleKind::karras:
      return "Karras";
    case ScheduleKind::exponential:
      return "Exponential";
    case ScheduleKind::sgm_uniform:
      return "SGM Uniform";
    case ScheduleKind::simple:
      return "Simple";
    case ScheduleKind::beta:
      return "Beta";
    case ScheduleKind::ays:
      return "Align Your Steps";
    default:
      return "Uniform";
  }
}

const char* a1111_noise(NoiseKind noise) {
  return noise == NoiseKind::cpu ? "CPU" : noise == NoiseKind::cuda ? "NV" : "MLX";
}

const char* a1111_upscaler(Upscale upscale) {
  switch (upscale) {
    case Upscale::lanczos:
      return "Lanczos";
    case Upscale::nearest:
      return "Nearest";
    case Upscale::bilinear:
      return "Bilinear";
    case Upscale::bicubic:
      return "Bicubic";
    case Upscale::latent_nearest:
      return "Latent (nearest)";
    case Upscale::latent_nearest_exact:
      return "Latent (nearest-exact)";
    case Upscale::latent_bilinear:
      return "Latent";
    case Upscale::latent_bicubic:
      return "Latent (bicubic)";
  }
  return "None";
}

/** As A1111's quote(): what would end the value stands in JSON's quotes. */
std::string quoted(const std::string& value) {
  if (value.find_first_of(",:\n") == value.npos) return value;
  return io::Json(value).dump(-1, ' ', false, io::Json::error_handler_t::replace);
}

/** A model's name without its folder, as A1111 shows it. */
std::string name_of_model(std::string model) {
  while (model.ends_with('/')) model.pop_back();
  const auto name = std::filesystem::path(model).filename();
  return (name.extension() == ".safetensors" ? name.stem() : name).string();
}

/** Of image i of the batch. */
std::string parameters(const Recipe& recipe, int i) {
  std::string text = recipe.prompt;
  for (const auto& control : recipe.controls)
    if (auto own = control::prompt_by(control, i)) text = std::move(*own);
  if (!recipe.negative_prompt.empty()) text += "\nNegative prompt: " + recipe.negative_prompt;
  text += fmt::format("\nSteps: {}, Sampler: {}, Schedule type: {}, CFG scale: {}, Seed: {}, Size: {}x{}", recipe.steps,
                      a1111_sampler(recipe.sampler), a1111_schedule(recipe.schedule), recipe.guidance,
                      recipe.seeds.at(i), recipe.width, recipe.height);
  if (const auto& pass = recipe.second_pass)
    text += fmt::format(", Denoising strength: {}, Hires resize: {}x{}, Hires steps: {}, Hires upscaler: {}",
                        pass->strength, pass->width, pass->height, pass->steps, a1111_upscaler(pass->upscale));
  else if (recipe.init)
    text += fmt::format(", Denoising strength: {}", recipe.init->strength);
  if (!recipe.made_with.model_sha256.empty()) text += ", Model hash: " + recipe.made_with.model_sha256.substr(0, 10);
  text += ", Model: " + quoted(name_of_model(recipe.model));
  if (!recipe.made_with.refiner.empty())  // it acted
    text += fmt::format(", Refiner: {}, Refiner switch at: {}", quoted(name_of_model(recipe.refiner->model)),
                        recipe.refiner->switch_at);
  if (recipe.clip_skip) text += fmt::format(", Clip skip: {}", recipe.clip_skip + 1);  // A1111 counts from 1
  return text + fmt::format(", RNG: {}, Version: {}", a1111_noise(recipe.rng), quoted(recipe.made_with.program));
}

/** It follows where an image of the batch that it names looks at words. */
bool follows_image(const Region& region) {
  return region.image || std::any_of(region.parts.begin(), region.parts.end(), follows_image);
}

bool reads_other_images(const Control& control) {
  const auto* share = std::get_if<Share>(&control.effect);
  const auto* features = std::get_if<Features>(&control.effect);
  bool follows = false;
  pipeline::each_region(control, [&](const Region& region) { follows = follows || follows_image(region); });
  return follows || (share && share->image) || (features && features->image) ||
         std::holds_alternative<PromptToPrompt>(control.effect) || std::holds_alternative<Blend>(control.effect);
}

bool reads_other_images(const std::vector<Control>& controls) {
  return std::any_of(controls.begin(), controls.end(),
                     [](const Control& control) { return control.enabled && reads_other_images(control); });
}

/** Those that act on image i of a batch, which is now the only one. */
void keep_image(std::vector<Control>& controls, int i) {
  std::erase_if(controls, [i](const Control& control) {
    return !control.images.empty() && std::count(control.images.begin(), control.images.end(), i) == 0;
  });
  for (auto& control : controls)
    if (!control.images.empty()) control.images = {0};
}

/** The recipe that draws image i of a batch alone: its controls only, and as image 0. */
Recipe recipe_of_image(Recipe recipe, int i) {
  auto* second = recipe.second_pass && recipe.second_pass->controls ? &*recipe.second_pass->controls : nullptr;
  const bool joined = reads_other_images(recipe.controls) || (second && reads_other_images(*second)) ||
                      std::any_of(recipe.edits.begin(), recipe.edits.end(),
                                  [](const LiveEdit& edit) { return reads_other_images(edit.controls); });
  const bool inverted = recipe.init && recipe.init->invert;
  const bool parted = std::any_of(recipe.controls.begin(), recipe.controls.end(), [](const Control& control) {
    return std::holds_alternative<Lora>(control.effect) && !control.images.empty();
  });
  // The picture needs the others of its batch, or the way back that the LoRAs of image 0 made.
  if (joined || (inverted && parted)) return recipe;
  if (inverted && i > 0) recipe.init->invert->correct = false;  // which is image 0's alone
  recipe.seeds = {recipe.seeds.at(i)};
  keep_image(recipe.controls, i);
  for (auto& edit : recipe.edits) keep_image(edit.controls, i);
  if (second) keep_image(*second, i);
  return recipe;
}

}  // namespace

ImageText image_text(const Result& result, int i, const std::filesystem::path& folder) {
  const auto recipe = recipe_for_folder(recipe_of_image(result.recipe, i), folder);
  return {{"parameters", parameters(result.recipe, i)}, {"corepulse", to_json(recipe, -1)}};
}

}  // namespace corepulse
