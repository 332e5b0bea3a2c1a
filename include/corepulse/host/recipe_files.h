#pragma once
// The names of files and folders that a recipe holds: for programs in which they mean something else than paths.
//
//   recipe = corepulse::with_file_names(std::move(recipe), [&](const std::string& name) { return path_of(name); });

#include <functional>
#include <string>
#include <vector>

#include "corepulse/recipe.h"

namespace corepulse {

/**
 * The recipe with change(name) for each name of a file, a folder or a model in it that is not "": models and parts,
 * folders of LoRAs and of words, the first picture, masks, recordings, LoRAs, of all passes and edits, also of controls
 * that are switched off. Where `loras` names a folder, names of LoRAs without one are left alone: they are looked up
 * there; so are those of tagged_files. What `change` throws comes out.
 */
Recipe with_file_names(Recipe recipe, const std::function<std::string(const std::string& name)>& change);

/** The names in a prompt's <lora:NAME:0.8>, where the recipe's syntax has such tags. @throws Error{invalid_request}. */
std::vector<std::string> tagged_files(const Recipe& recipe);

}  // namespace corepulse
