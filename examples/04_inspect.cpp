// What is in a model, and what a recipe would do to it: neither reads a weight.
//   usage: 04_inspect [MODEL]

#include <iostream>

#include "corepulse/control.h"
#include "corepulse/error.h"
#include "corepulse/pipeline.h"

int main(int argc, char** argv) {
  corepulse::Recipe recipe;
  if (argc > 1) recipe.model = argv[1];
  try {
    const auto info = corepulse::inspect_model(corepulse::model_source(recipe));
    std::cout << corepulse::name(info.family) << ", " << info.parameters / 1'000'000 << " million parameters, "
              << info.width << " x " << info.height << "\n\n";
    for (const auto& block : info.blocks)
      std::cout << block.id << "  " << block.path << "  " << block.cross_layers << " layers read the text on a grid of "
                << block.grid_height << " x " << block.grid_width << '\n';

    recipe.prompt = "a cat in a park";
    recipe.controls.push_back(corepulse::inject("a dragon").at("content"));
    std::cout << '\n' << corepulse::explain(recipe).text;
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
