// Recipes from anywhere: an error, or what can be written and read again.
#include "corepulse/recipe.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corepulse;
  const auto text = fuzz::text(data, size);
  if (text.starts_with('[')) {
    std::vector<Control> controls;
    if (fuzz::accepts({ErrorCode::invalid_request}, [&] { controls = controls_from_json(text); }))
      fuzz::require(controls_from_json(to_json(controls, -1)) == controls);
    return 0;
  }
  Recipe recipe;
  if (fuzz::accepts({ErrorCode::invalid_request}, [&] { recipe = recipe_from_json(text); }))
    fuzz::require(recipe_from_json(to_json(recipe, -1)) == recipe);
  return 0;
}
