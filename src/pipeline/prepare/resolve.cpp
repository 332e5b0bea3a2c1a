#include "pipeline/prepare/resolve.h"

#include <algorithm>
#include <fmt/format.h>

#include "base/fail.h"
#include "control/recipe/levels.h"
#include "pipeline/init/picture.h"
#include "pipeline/init/steps.h"
#include "sampler/inversion.h"
#include "sampler/schedule/levels.h"

namespace corepulse::pipeline {
namespace {

constexpr int kMaxSide = 8192, kMaxBatch = 64;
constexpr size_t kMaxPrompt = 16 * 1024;
constexpr double kImageGuidance = 1.5;  // Diffusers', A1111's

[[noreturn]] void refuse(const std::string& message) {
  fail(ErrorCode::invalid_request, "request", message);
}

int side(const char* field, int given, int native, int multiple) {
  const int value = given == 0 ? native : given;
  if (value < multiple || value > kMaxSide || value % multiple)
    refuse(fmt::format("{} is {}; expected a multiple of {} from {} to {}; try {}", field, value, multiple, multiple,
                       kMaxSide, std::clamp((value + multiple / 2) / multiple * multiple, multiple, kMaxSide)));
  return value;
}

void check_number(const char* field, double value, double low, double high) {
  if (!(value >= low && value <= high))  // also catches NaN
    refuse(fmt::format("{} is {}; expected a number from {} to {}", field, value, low, high));
}

void check_text(const char* field, const std::string& text) {
  if (text.size() > kMaxPrompt)
    refuse(fmt::format("{} has {} bytes; expected at most {}", field, text.size(), kMaxPrompt));
}

void check_second(const char* field, const std::string& text, Family family) {
  if (!text.empty() && family != Family::sdxl)
    refuse(fmt::format("{} is what SDXL's second text encoder reads; this model is {}, which has one", field,
                       name(family)));
}

/** The recipe's own size; else the picture's proportions, or the model's native size. */
void set_size(Recipe& recipe, const ModelInfo& info, const std::optional<StartSize>& start) {
  const int multiple = info.latent_downscale;
  PictureSize own{info.width, info.height};
  if (start) {
    const auto& margins = start->around;
    const int across = margins.left + margins.right, down = margins.top + margins.bottom;
    const auto inner = [](const char* field, int whole, int around) {
      if (whole > 0 && whole <= around)
        refuse(fmt::format("{} is {}, and init.grow adds {}; expected more, or none", field, whole, around));
      return std::max(0, whole - around);
    };
    own = size_like(start->picture, {inner("width", recipe.width, across), inner("height", recipe.height, down)}, own,
                    multiple);
    own.width += across, own.height += down;
  }
  recipe.width = side("width", recipe.width, own.width, multiple);
  recipe.height = side("height", recipe.height, own.height, multiple);
}

/** Levels given one by one say how many steps there are. */
void take_levels(Recipe& recipe) {
  const auto steps = control::listed_steps(recipe);
  if (!steps) return;
  const char* field = recipe.timesteps.empty() ? "sigmas" : "timesteps";
  if (*steps == 0) refuse(fmt::format("{} has no level above 0; expected one for each step", field));
  if (recipe.steps != *steps && !control::steps_unsaid(recipe))
    refuse(fmt::format("steps is {}, and {} names {}; expected one of them", recipe.steps, field, *steps));
  if (recipe.schedule != ScheduleKind::model)
    refuse(fmt::format("schedule is {}, and {} names the levels one by one; expected one of them",
                       name(recipe.schedule), field));
  if (recipe.init && recipe.init->exact_steps)
    refuse(fmt::format("init.exact_steps wants a longer schedule than the {} that {} names; expected one of them",
                       *steps, field));
  recipe.sigmas.resize(recipe.sigmas.empty() ? 0 : *steps);
  recipe.steps = *steps;
}

/** What of them a run from a picture takes; of levels given one by one the last ones, as Diffusers counts. */
StepsFromPicture steps_taken(const Recipe& recipe) {
  if (!recipe.init) return {recipe.steps, recipe.steps};
  return steps_from_picture(*recipe.init, recipe.steps,
                            control::listed_steps(recipe) ? Compat::diffusers : recipe.compat);
}

SamplingOptions sampling_options(const Recipe& recipe, SamplingOptions options, int steps) {
  options.schedule = recipe.schedule;
  options.steps = steps;
  options.timesteps = recipe.timesteps, options.sigmas = recipe.sigmas;
  options.compat = recipe.compat;
  // What other tools do not read.
  if (recipe.compat != Compat::diffusers) options.solver = {};
  options.eta_given = recipe.eta.has_value();
  if (recipe.eta) options.eta = *recipe.eta;
  return options;
}

/** The model's own, or with the noise levels that the recipe wants. */
model::Scheduler scheduler_for(const Recipe& recipe, const model::Scheduler& own) {
  auto scheduler = own;
  if (!recipe.zero_snr) return scheduler;
  if (own.training.edm)
    refuse("zero_snr is of models whose noise levels come from betas; this one was trained with EDM's; leave it out");
  scheduler.start_from_noise();
  return scheduler;
}

/** What instruct-pix2pix models need, and others do not know. */
void set_image_guidance(Recipe& recipe, const ModelInfo& info) {
  if (!info.pix2pix) {
    if (recipe.image_guidance)
      refuse(
          "image_guidance is how strongly the picture leads that an instruct-pix2pix model reads; this model reads "
          "none; leave it out");
    return;
  }
  if (!recipe.init)
    fail(ErrorCode::invalid_request, "init",
         "this model (instruct-pix2pix) edits a picture as the prompt says; expected the picture: --init FILE");
  if (recipe.second_pass)
    fail(
        ErrorCode::invalid_request, "second_pass",
        "an instruct-pix2pix model edits a picture of the run's size; expected one pass; enlarge what it drew in a run "
        "of its own");
  if (!recipe.image_guidance) recipe.image_guidance = kImageGuidance;
  check_number("image_guidance", *recipe.image_guidance, 0, 1000);
}

void check_scores(const Recipe& recipe, const ModelInfo& info) {
  const bool asks = info.family == Family::sdxl_refiner || recipe.refiner;
  for (const auto& [field, score] : {std::pair{"aesthetic_score", recipe.aesthetic_score},
                                     std::pair{"negative_aesthetic_score", recipe.negative_aesthetic_score}}) {
    if (!score) continue;
    check_number(field, *score, 0, 10);
    if (!asks)
      refuse(
          fmt::format("{} is what SDXL's refiner is told; this model is {}, which does not ask; leave it out, or "
                      "give a refiner",
                      field, name(info.family)));
  }
}

void check_inversion(const Inversion& inversion, const Resolved& resolved, const ModelInfo& info,
                     const sampler::Training& training) {
  if (info.inpaint || info.pix2pix)
    fail(ErrorCode::invalid_request, "init.invert",
         fmt::format(
             "this model ({}) reads the picture beside the latents, and nobody says what that would be on the way "
             "back; expected a model that reads latents alone",
             info.inpaint ? "inpainting" : "instruct-pix2pix"));
  check_number("init.invert.refine", inversion.refine, 0, 20);
  sampler::Inversion(resolved.schedule, training, resolved.sampling);
}

}  // namespace

sampler::Training training_of(const Recipe& recipe, const model::Scheduler& own) {
  return scheduler_for(recipe, own).training;
}

void check_texts(const Recipe& recipe) {
  check_text("prompt", recipe.prompt);
  check_text("negative_prompt", recipe.negative_prompt);
  check_text("prompt_2", recipe.prompt_2);
  check_text("negative_prompt_2", recipe.negative_prompt_2);
  if (recipe.init && recipe.init->invert && recipe.init->invert->prompt)
    check_text("init.invert.prompt", *recipe.init->invert->prompt);
}

Resolved resolve(const Recipe& given, const ModelInfo& info, const model::Scheduler& own,
                 const std::optional<StartSize>& start) {
  Resolved resolved{.recipe = given};
  auto& recipe = resolved.recipe;
  check_texts(recipe);
  check_second("prompt_2", recipe.prompt_2, info.family);
  check_second("negative_prompt_2", recipe.negative_prompt_2, info.family);
  set_size(recipe, info, start);
  take_levels(recipe);
  check_number("steps", recipe.steps, 1, 1000);
  check_number("guidance", recipe.guidance, 0, 1000);
  check_number("guidance_rescale", recipe.guidance_rescale, 0, 1);
  check_number("clip_skip", recipe.clip_skip, 0, 10);
  if (recipe.eta) check_number("eta", *recipe.eta, 0, 10);
  if (recipe.seeds.empty() || recipe.seeds.size() > kMaxBatch)
    refuse(fmt::format("{} seeds; expected 1 to {}, one per picture", recipe.seeds.size(), kMaxBatch));
  if (recipe.init && !(recipe.init->strength > 0 && recipe.init->strength <= 1))
    refuse(fmt::format("init.strength is {}; expected more than 0, to 1", recipe.init->strength));
  const auto scheduler = scheduler_for(recipe, own);
  set_image_guidance(recipe, info);
  check_scores(recipe, info);
  if (recipe.sampler == SamplerKind::model) recipe.sampler = scheduler.sampler;
  const auto part = steps_taken(recipe);
  resolved.sampling = sampling_options(recipe, scheduler.options(recipe.sampler), part.of);
  resolved.training = scheduler.training;
  resolved.schedule = sampler::make_schedule(scheduler.training, resolved.sampling, part.run);
  if (recipe.init && recipe.init->invert) check_inversion(*recipe.init->invert, resolved, info, scheduler.training);
  resolved.encodings = recipe.init.has_value();
  recipe.schedule = sampler::named_schedule(resolved.sampling);
  resolved.latent_height = recipe.height / info.latent_downscale;
  resolved.latent_width = recipe.width / info.latent_downscale;
  return resolved;
}

}  // namespace corepulse::pipeline
