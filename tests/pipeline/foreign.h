#pragma once
// Other programs' texts, as recipes are made of them.

#include <algorithm>
#include <string>
#include <string_view>

#include "corepulse/picture_recipe.h"

namespace corepulse::test {

inline PictureRecipe infotext(const std::string& text) {
  return recipe_of_picture({{"parameters", text}});
}
inline PictureRecipe graph(const std::string& text) {
  return recipe_of_picture({{"prompt", text}});
}
inline PictureRecipe invoke(const std::string& text) {
  return recipe_of_picture({{"invokeai_metadata", text}});
}

inline bool noted(const PictureRecipe& read, std::string_view words) {
  return std::any_of(read.notes.begin(), read.notes.end(),
                     [&](const std::string& note) { return note.find(words) != std::string::npos; });
}

}  // namespace corepulse::test
