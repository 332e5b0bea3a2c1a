#pragma once
// Choices at random in the prompts of a recipe.

#include <string>
#include <vector>

#include "corepulse/recipe.h"

namespace corepulse::pipeline {

/**
 * The recipe with every `{a|b}` of its prompts and of its controls' prompts decided by its first seed, where its syntax
 * has them (a1111, comfy). `notes` gets what became of the prompt and the negative prompt. @throws as check_texts.
 */
Recipe with_choices(Recipe recipe, std::vector<std::string>& notes);

}  // namespace corepulse::pipeline
