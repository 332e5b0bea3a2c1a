// The flags that say how a run is sampled.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "corepulse/sampling.h"

#include "definitions.h"
#include "run_flags.h"

namespace corepulse::cli {
namespace {

/** Of a recipe that gives its levels one by one: a flag asks for others. */
void forget_levels(Recipe& recipe) {
  recipe.timesteps.clear(), recipe.sigmas.clear();
}

}  // namespace

void RunFlags::add_sampling() {
  // First, so that the flags that follow here change it, wherever they stand on the line.
  offer(text("--few-steps", "The settings of a model that draws in a few steps: lcm, turbo, lightning, hyper, dmd2",
             [](Recipe& recipe, const std::string& value) {
               recipe = with_few_steps(std::move(recipe), parse_few_steps(value));
             }),
        {"lcm", "turbo", "lightning", "hyper", "dmd2"});
  add_levels();
  field("-g,--guidance", &Recipe::guidance, "How strongly the prompt leads; 1 = no guidance [5]");
  text("--image-guidance", "How strongly --init leads an instruct-pix2pix model [1.5]",
       [](Recipe& recipe, const std::string& value) {
         double guidance = 0;
         if (!CLI::detail::lexical_cast(value, guidance)) throw CLI::ConversionError(value, "--image-guidance");
         recipe.image_guidance = guidance;
       });
  field("--guidance-rescale", &Recipe::guidance_rescale, "0 to 1 [0]");
  text("--eta", "Share of fresh noise in each step [the sampler's own]", [](Recipe& recipe, const std::string& value) {
    double eta = 0;
    if (!CLI::detail::lexical_cast(value, eta)) throw CLI::ConversionError(value, "--eta");
    recipe.eta = eta;
  });
  offer(text("--rng", "Whose random numbers: cpu, cuda (both as in torch), mlx [cpu]",
             [](Recipe& recipe, const std::string& value) { recipe.rng = parse_noise(value); }),
        {"cpu", "cuda", "mlx"});
  offer(text("--compat", "Whose arithmetic: diffusers, comfy, a1111 [diffusers]",
             [](Recipe& recipe, const std::string& value) { recipe.compat = parse_compat(value); }),
        {"diffusers", "comfy", "a1111"});
  command_
      .add_flag_callback(
          "--zero-snr", [this] { changes_.push_back([](Recipe& recipe) { recipe.zero_snr = true; }); },
          "Start from pure noise: the model's noise levels are rescaled so")
      ->group(group_);
  field("--clip-skip", &Recipe::clip_skip, "Leave out the text encoder's last N layers [0]");
}

/** Sampler, schedule and steps, or the levels one by one. */
void RunFlags::add_levels() {
  auto* steps = command_.add_option_function<int>(
      "--steps",
      [this](const int& value) {
        changes_.push_back([value](Recipe& recipe) { forget_levels(recipe), recipe.steps = value; });
      },
      "1 to 1000 [20]");
  steps->group(group_);
  auto* sampler = text("--sampler",
                       fmt::format("euler, euler_a, heun, ddim, dpmpp_2m, unipc, lcm, ..., {} in all: docs/samplers.md "
                                   "[model: as its scheduler says]",
                                   sampler_names().size()),
                       [](Recipe& recipe, const std::string& value) {
                         const auto name = parse_sampler(value);
                         recipe.sampler = name.sampler;
                         if (name.schedule == ScheduleKind::model) return;
                         forget_levels(recipe);
                         recipe.schedule = name.schedule;
                       });
  auto* schedule = text("--schedule", fmt::format("{} [model]", fmt::join(schedule_names(), ", ")),
                        [](Recipe& recipe, const std::string& value) {
                          forget_levels(recipe);
                          recipe.schedule = parse_schedule(value);
                        });
  auto* timesteps =
      levels("--timesteps", &Recipe::timesteps, "T,T,...: call the model at these, instead of a schedule");
  auto* sigmas = levels("--sigmas", &Recipe::sigmas, "S,S,...: likewise, noise levels");
  for (auto* list : {timesteps, sigmas}) list->excludes(steps), list->excludes(schedule);
  sigmas->excludes(timesteps);
  offer(sampler, sampler_names);
  offer(schedule, schedule_names);
}

CLI::Option* RunFlags::levels(const std::string& flag, std::vector<double> Recipe::* list, const std::string& help) {
  auto* option = command_.add_option_function<std::vector<double>>(
      flag,
      [this, list](const std::vector<double>& values) {
        changes_.push_back([list, values](Recipe& recipe) {
          forget_levels(recipe);
          recipe.*list = values;
          recipe.schedule = ScheduleKind::model;
          recipe.steps = static_cast<int>(values.size()) - (values.back() == 0 && list == &Recipe::sigmas);
        });
      },
      help);
  option->group(group_)->delimiter(',')->type_name("N");
  return option;
}

}  // namespace corepulse::cli
