#pragma once
// The model that a recipe names, and the one that a pipeline holds.

#include "corepulse/model.h"
#include "corepulse/recipe.h"

namespace corepulse::pipeline {

/** The recipe with the loaded model named in it, if it names none. @throws Error{invalid_request} if it names another.
 */
Recipe with_model(Recipe recipe, const ModelSource& loaded);

}  // namespace corepulse::pipeline
