// The flags that say what picture a run starts from: each changes one field of the recipe's `init`.

#include <map>

#include "run_flags.h"
#include "target.h"

namespace corepulse::cli {

namespace {

InitPicture& init_of(Recipe& recipe) {
  return recipe.init ? *recipe.init : recipe.init.emplace();
}

}  // namespace

void RunFlags::add_init() {
  text("--init", "A picture to start from, instead of noise alone: PNG, JPEG or WebP",
       [](Recipe& recipe, const std::string& value) {
         auto& init = init_of(recipe);
         init.file = expand_home(value);
         init.data.clear(), init.sha256.clear();
       });
  command_
      .add_option_function<double>(
          "--strength",
          [this](double value) { changes_.push_back([value](Recipe& recipe) { init_of(recipe).strength = value; }); },
          "How far it may change: above 0, to 1 [0.75]")
      ->group(group_);
  static const std::map<std::string, Fit> fits{{"crop", Fit::crop}, {"pad", Fit::pad}, {"stretch", Fit::stretch}};
  text("--fit", "How it comes to the run's size [crop]", [](Recipe& recipe, const std::string& value) {
    init_of(recipe).fit = fits.at(value);
  })->check(CLI::IsMember({"crop", "pad", "stretch"}));
  command_
      .add_flag_callback(
          "--exact-steps", [this] { changes_.push_back([](Recipe& recipe) { init_of(recipe).exact_steps = true; }); },
          "All --steps run, whatever the strength")
      ->group(group_);
}

}  // namespace corepulse::cli
