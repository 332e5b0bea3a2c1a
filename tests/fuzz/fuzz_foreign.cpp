// Other programs' texts in pictures: an error, or a recipe that can be written and read again, with notes fit to be
// shown.
#include "corepulse/picture_recipe.h"

#include "fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace corepulse;
  const std::string text(fuzz::text(data, size));
  for (const char* key : {"parameters", "prompt", "invokeai_metadata"}) {
    PictureRecipe read;
    if (!fuzz::accepts({ErrorCode::invalid_request, ErrorCode::bad_file},
                       [&] { read = recipe_of_picture({{key, text}}); }))
      continue;
    fuzz::require(recipe_from_json(to_json(read.recipe, -1)) == read.recipe);
    fuzz::require(read.notes.size() <= 110);
    for (const auto& note : read.notes) {
      fuzz::require(io::is_utf8(note) && note.size() < 10000);
      for (const unsigned char c : note) fuzz::require(c >= 0x20);
    }
  }
  return 0;
}
