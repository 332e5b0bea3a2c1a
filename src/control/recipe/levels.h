#pragma once
// Levels that a recipe gives one by one: timesteps or sigmas.

#include <optional>

#include "corepulse/recipe.h"

namespace corepulse::control {

/** How many steps they are; a last sigma of 0 is none. Nothing where the recipe gives no levels. */
std::optional<int> listed_steps(const Recipe& recipe);

/** Whether `steps` is what it is where nobody sets it: then levels given one by one say how many there are. */
bool steps_unsaid(const Recipe& recipe);

}  // namespace corepulse::control
