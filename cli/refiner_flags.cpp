// The flags of a second model that ends a run, and of what SDXL's refiner is told.

#include "run_flags.h"
#include "target.h"

namespace corepulse::cli {

namespace {

Refiner& refiner_of(Recipe& recipe) {
  return recipe.refiner ? *recipe.refiner : recipe.refiner.emplace();
}

double number_of(const std::string& flag, const std::string& value) {
  double number = 0;
  if (!CLI::detail::lexical_cast(value, number)) throw CLI::ConversionError(value, flag);
  return number;
}

}  // namespace

void RunFlags::add_refiner() {
  text("--refiner", "A model that ends the run, as SDXL's refiner: as for -m",
       [](Recipe& recipe, const std::string& value) { refiner_of(recipe).model = value; });
  text("--switch-at", "0 to 1: the share of the run before it [0.8]", [](Recipe& recipe, const std::string& value) {
    refiner_of(recipe).switch_at = number_of("--switch-at", value);
  });
  command_
      .add_flag_callback(
          "--no-refiner", [this] { changes_.push_back([](Recipe& recipe) { recipe.refiner.reset(); }); },
          "Without that of --recipe or --from")
      ->group(group_);
  text(
      "--aesthetic-score", "0 to 10: what SDXL's refiner is told the picture is worth [6]",
      [](Recipe& recipe, const std::string& value) { recipe.aesthetic_score = number_of("--aesthetic-score", value); });
  text("--negative-aesthetic-score", "Likewise, beside the negative prompt [2.5]",
       [](Recipe& recipe, const std::string& value) {
         recipe.negative_aesthetic_score = number_of("--negative-aesthetic-score", value);
       });
}

}  // namespace corepulse::cli
