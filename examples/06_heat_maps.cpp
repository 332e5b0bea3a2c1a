// Where did the picture look while it drew the cat, and where for the park? One map per word and block.

#include <algorithm>
#include <iostream>

#include "corepulse/control.h"
#include "corepulse/error.h"
#include "corepulse/pipeline.h"

int main() {
  corepulse::Request request;
  request.recipe.prompt = "a cat in a park";
  request.recipe.seeds = {3};
  request.recipe.steps = 10;
  // Captures change no bit of the picture.
  for (const char* word : {"cat", "park"})
    for (const char* block : {"middle:0", "output:1"})
      request.recipe.controls.push_back(corepulse::capture(word, std::string(word) + "-at-" + block).at(block));
  try {
    const auto result = corepulse::Pipeline::load({.model = "builtin"}).generate(request);
    corepulse::save_image(result.images[0], "seen.png", corepulse::image_text(result, 0));
    for (const auto& map : result.heat_maps) {
      auto file = "seen-" + map.name;
      std::replace(file.begin(), file.end(), ':', '-');
      corepulse::save_image(corepulse::overlay(map, result.images[0]), file + ".png");
      corepulse::save_heat_map(map, file + ".npy");
      const auto most = std::max_element(map.values.begin(), map.values.end());
      const int cell = static_cast<int>(most - map.values.begin());
      std::cout << file << ".png: most, " << *most << ", in column " << cell % map.width << " of " << map.width
                << ", row " << cell / map.width << " of " << map.height << '\n';
    }
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
