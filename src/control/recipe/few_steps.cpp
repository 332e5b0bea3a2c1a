// The settings of models that draw in a few steps, and levels given one by one.
#include <algorithm>
#include <tuple>

#include "corepulse/recipe.h"

#include "control/recipe/levels.h"
#include "control/recipe/recipe_read.h"
#include "control/recipe/words.h"

namespace corepulse {
namespace control {
namespace {

struct FewStepsSettings {
  SamplerKind sampler;
  ScheduleKind schedule;
  int steps;
  std::vector<double> timesteps = {};
};

// As the authors' model cards have them; all of them without guidance.
FewStepsSettings settings_of(FewSteps kind) {
  switch (kind) {
    case FewSteps::lcm:
      return {SamplerKind::lcm, ScheduleKind::model, 4};
    case FewSteps::turbo:
      return {SamplerKind::euler_a, ScheduleKind::trailing, 1};
    case FewSteps::lightning:
      return {SamplerKind::euler, ScheduleKind::trailing, 4};
    case FewSteps::hyper:
      return {SamplerKind::ddim, ScheduleKind::trailing, 8};
    case FewSteps::dmd2:
      break;
  }
  return {SamplerKind::lcm, ScheduleKind::model, 4, {999, 749, 499, 249}};
}

}  // namespace

std::optional<int> listed_steps(const Recipe& recipe) {
  const auto& [timesteps, sigmas] = std::tie(recipe.timesteps, recipe.sigmas);
  if (!timesteps.empty()) return static_cast<int>(timesteps.size());
  if (sigmas.empty()) return std::nullopt;
  return static_cast<int>(sigmas.size()) - (sigmas.back() == 0);
}

bool steps_unsaid(const Recipe& recipe) {
  return recipe.steps == (recipe.few_steps ? settings_of(*recipe.few_steps).steps : Recipe{}.steps);
}

}  // namespace control

FewSteps parse_few_steps(std::string_view given) {
  const auto valid = control::strings(control::names_of<FewSteps>());
  const auto found = std::find(valid.begin(), valid.end(), given);
  if (found == valid.end()) control::refuse_word("few_steps", "value", std::string(given), valid);
  return static_cast<FewSteps>(found - valid.begin());
}

const char* name(FewSteps kind) noexcept {
  return control::name_of(kind);
}

Recipe with_few_steps(Recipe recipe, FewSteps kind) {
  const auto settings = control::settings_of(kind);
  recipe.few_steps = kind;
  recipe.sampler = settings.sampler, recipe.schedule = settings.schedule;
  recipe.steps = settings.steps;
  recipe.timesteps = settings.timesteps;
  recipe.sigmas.clear();
  recipe.guidance = 1;
  return recipe;
}

}  // namespace corepulse
