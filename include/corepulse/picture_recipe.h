#pragma once
// The recipe inside a picture, whoever drew it: corepulse, A1111, Forge, ComfyUI, InvokeAI or stable-diffusion.cpp.
//
//   const auto read = corepulse::recipe_of_picture(corepulse::load_image_text("from-a1111.png"));
//   for (const auto& note : read.notes) std::cerr << note << "\n";  // what that program did and the recipe lacks
//
// Docs: docs/from-other-tools.md.

#include <string>
#include <vector>

#include "corepulse/image.h"
#include "corepulse/recipe.h"

namespace corepulse {

struct PictureRecipe {
  Recipe recipe;
  std::string program;             ///< "corepulse", "A1111", "Forge", "stable-diffusion.cpp", "ComfyUI", "InvokeAI".
  std::vector<std::string> notes;  ///< What could not be carried over, and what is read otherwise; of our own: none.
};

/**
 * Reads a picture's text: our "corepulse", else ComfyUI's "prompt" (its graph), InvokeAI's "invokeai_metadata", or
 * "parameters" as A1111, Forge and stable-diffusion.cpp write them. Of another program's text everything that a recipe
 * can say is in it, with that program's prompt syntax, arithmetic and random numbers; the rest is named in the notes.
 * No model is: the recipe's is empty. A picture that was drawn from another one has `init` with its strength and
 * without a file.
 * @param loras the folder where LoRAs lie that another program's text names: they are in the recipe then. "": they are
 * named in the notes.
 * @throws Error{invalid_request} where nothing of these is there, or what is there cannot be followed; bad_file where
 * it is damaged.
 */
PictureRecipe recipe_of_picture(const ImageText& text, const std::string& loras = "");

}  // namespace corepulse
