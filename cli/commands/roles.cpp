// corepulse roles: which block decides what, when, in any model.

#include <memory>

#include "corepulse/model.h"
#include "corepulse/pipeline.h"
#include "corepulse/sweep.h"

#include "commands/commands.h"
#include "load_flags.h"
#include "run_flags.h"
#include "sweep_flags.h"
#include "target.h"

namespace corepulse::cli {

namespace {

struct Roles {
  std::string model = "builtin", prompt, other, seed = "3", dtype = "auto";
  int steps = 20, width = 0, height = 0;
  double guidance = 5;
  SweepFlags flags{.folder = "roles"};
};

Sweep map_of(const Roles& roles) {
  check_seed(roles.seed, roles.flags);
  Recipe recipe;
  recipe.model = expand_home(roles.model);
  recipe.prompt = roles.prompt;
  recipe.seeds = parse_seeds(roles.seed);
  recipe.steps = roles.steps;
  recipe.guidance = roles.guidance;
  recipe.width = roles.width, recipe.height = roles.height;
  recipe.dtype = roles.dtype;
  return role_map(inspect_model(model_source(recipe)), recipe, roles.other);
}

const char* const kRolesExamples = R"(Examples:
  corepulse roles "a cat in a park" "a dragon in a park"
  corepulse roles -m ~/models/sd15.safetensors "a photo of a cat" "a watercolor of a cat" -o sd15-style
  corepulse roles -m sdxl.safetensors "a red car on a road" "a red boat on a lake" --dry-run

Draws the first prompt, and injects the second one in every block that reads the text (a row each), during a part of the
run (a column each). Where the picture turns, that block decides what differs between the prompts: inject there.)";

}  // namespace

void add_roles(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("roles", "Find out which block of a model decides what, when");
  command->footer(kRolesExamples);
  auto roles = std::make_shared<Roles>();
  command->add_option("prompt", roles->prompt, "What the picture shows")->required();
  command->add_option("other", roles->other, "What blocks read instead, one after the other")->required();
  command->add_option("-m,--model", roles->model, "builtin, a folder, a .safetensors file, or org/name [builtin]")
      ->group("Model");
  add_dtype_flag(*command, roles->dtype);
  command->add_option("-s,--seed", roles->seed, "One number, or random [3]");
  command->add_option("--steps", roles->steps, "8 to 1000: fewer leave parts of the run without a step [20]")
      ->check(CLI::Range(8, 1000));
  command->add_option("-g,--guidance", roles->guidance, "How strongly the prompts lead [5]");
  command->add_option("-W,--width", roles->width, "Pixels, a multiple of 8 [the model's own]");
  command->add_option("-H,--height", roles->height, "Pixels, a multiple of 8 [the model's own]");
  add_sweep_flags(*command, roles->flags);
  add_json_flag(*command, global);
  command->callback([roles, &global] { draw_sweep(map_of(*roles), roles->flags, global.json); });
}

}  // namespace corepulse::cli
