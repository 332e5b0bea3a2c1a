// Watch a run between its steps, save a rough preview of each, and stop it early.

#include <iostream>
#include <string>

#include "corepulse/error.h"
#include "corepulse/pipeline.h"

int main() {
  corepulse::Request request;
  request.recipe.prompt = "a red car on the beach";
  request.recipe.steps = 20;
  // Called on the engine's thread, one step after the other; false ends the run before its next
  // model call.
  request.progress = [](const corepulse::Progress& at) {
    std::cout << "step " << at.step << " of " << at.steps << ", sigma " << at.sigma << ", " << at.seconds << " s\n";
    corepulse::save_image(at.preview(0), "preview-" + std::to_string(at.step) + ".png");
    return at.step < 5;
  };
  try {
    corepulse::Pipeline::load({.model = "builtin"}).generate(request);
  } catch (const corepulse::Error& error) {
    if (error.code() == corepulse::ErrorCode::cancelled) {
      std::cout << "stopped, as asked\n";
      return 0;
    }
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
