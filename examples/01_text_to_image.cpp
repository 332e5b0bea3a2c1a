// From a prompt to a picture file.  usage: 01_text_to_image [PROMPT [FILE [STEPS]]]

#include <cstdlib>
#include <iostream>

#include "corepulse/error.h"
#include "corepulse/pipeline.h"

int main(int argc, char** argv) {
  corepulse::Request request;
  request.recipe.prompt = argc > 1 ? argv[1] : "a cat in a park";
  request.recipe.seeds = {3};
  request.recipe.steps = argc > 3 ? std::atoi(argv[3]) : 20;
  const std::string file = argc > 2 ? argv[2] : "cat.png";
  try {
    const auto pipeline = corepulse::Pipeline::load({.model = "builtin"});
    const auto result = pipeline.generate(request);
    corepulse::save_image(result.images[0], file, corepulse::image_text(result, 0));
    std::cout << file << ": " << result.seconds_steps << " s for " << result.model_calls << " model calls\n";
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
