// corepulse recipes: the recipes that come with the program: listed, printed, drawn.

#include <filesystem>
#include <fmt/format.h>
#include <memory>
#include <nlohmann/json.hpp>

#include "corepulse/contact_sheet.h"
#include "corepulse/pipeline.h"

#include "commands/commands.h"
#include "definitions.h"
#include "output.h"
#include "terminal/interrupt.h"
#include "terminal/progress.h"

namespace corepulse::cli {

namespace {

namespace fs = std::filesystem;

struct Recipes {
  std::string name, folder;
  int steps = 0;
  bool quiet = false;
};

/** The pictures without the recipe's controls, and below them those with. */
Image plain_and_controlled(const Pipeline& pipeline, const Recipe& recipe, const std::string& name, bool quiet) {
  std::vector<LabelledImage> tiles;
  for (const bool controlled : {false, true}) {
    Request request{recipe};
    if (!controlled) request.recipe.controls.clear();
    ProgressLine progress(fmt::format("{:<16} {}", name, controlled ? "controlled" : "plain"), quiet);
    request.progress = progress.callback();
    request.stop = stop_flag();
    const auto result = pipeline.generate(request);
    stop_if_interrupted();
    for (const auto& image : result.images) tiles.push_back({image, controlled ? name : recipe.prompt});
  }
  // One picture: plain beside controlled. Several: a row of each.
  return make_sheet(tiles, int(std::max<size_t>(2, recipe.seeds.size())));
}

void draw(const Recipes& flags) {
  fs::create_directories(flags.folder);
  for (const auto& preset : presets()) {
    if (!flags.name.empty() && flags.name != preset.name) continue;
    auto recipe = recipe_from_json(preset_json(preset.name));
    if (flags.steps > 0) recipe.steps = flags.steps;
    const auto pipeline = Pipeline::load(model_source(recipe), {.lazy = true});
    const auto file = fs::path(flags.folder) / (preset.name + ".webp");
    save_image(plain_and_controlled(pipeline, recipe, preset.name, flags.quiet), file);
    fmt::print("{}\n", file.string());
  }
}

void list(bool json) {
  if (json) {
    nlohmann::json all = nlohmann::json::object();
    for (const auto& preset : presets()) all[preset.name] = preset.about;
    return print_json({{"recipes", all}});
  }
  for (const auto& preset : presets()) fmt::print("{:<16} {}\n", preset.name, preset.about);
}

void run(const Recipes& flags, bool json) {
  if (!flags.name.empty()) (void)preset_json(flags.name);  // an unknown name is said before anything is drawn
  if (!flags.folder.empty()) return draw(flags);
  if (flags.name.empty()) return list(json);
  fmt::print("{}", preset_json(flags.name));
}

const char* const kRecipesExamples = R"(Examples:
  corepulse recipes                                     what there is
  corepulse recipes two-regions                         one of them, as JSON
  corepulse generate --recipe two-regions -o two.png
  corepulse generate --recipe two-regions --seed 7 -o other.png
  corepulse recipes --draw pictures                     each of them, plain beside controlled)";

}  // namespace

void add_recipes(CLI::App& app, Global& global) {
  auto* command = app.add_subcommand("recipes", "Recipes to start from, for the built-in model");
  command->footer(kRecipesExamples);
  auto flags = std::make_shared<Recipes>();
  offer(command->add_option("name", flags->name, "Print this one [list all]"), preset_names);
  command->add_option("--draw", flags->folder, "Draw it, or all, plain beside controlled, into this folder");
  command->add_option("--steps", flags->steps, "With --draw: other steps than the recipe's")
      ->check(CLI::Range(1, 1000));
  command->add_flag("-q,--quiet", flags->quiet, "No progress");
  add_json_flag(*command, global);
  command->callback([flags, &global] { run(*flags, global.json); });
}

}  // namespace corepulse::cli
