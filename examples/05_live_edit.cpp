// Change the controls of a run while it goes on, and repeat it by its recipe.

#include <iostream>

#include "corepulse/control.h"
#include "corepulse/error.h"
#include "corepulse/live_controls.h"
#include "corepulse/pipeline.h"

int main() {
  corepulse::Request request;
  request.recipe.prompt = "a cat in a park";
  request.recipe.seeds = {3};
  request.recipe.steps = 10;
  request.live = std::make_shared<corepulse::LiveControls>();
  // Any thread may call set(); here it is the engine's, between two steps.
  request.progress = [live = request.live](const corepulse::Progress& at) {
    try {
      if (at.step == 2) live->set({corepulse::reweight("zebra", 2)});  // the prompt has none
    } catch (const corepulse::Error& error) {
      std::cout << "the run goes on: " << error.what() << '\n';
    }
    if (at.step == 4) live->set({corepulse::inject("a dragon").at("content")});
    return true;
  };
  try {
    const auto pipeline = corepulse::Pipeline::load({.model = "builtin"});
    const auto result = pipeline.generate(request);
    corepulse::save_image(result.images[0], "live.png", corepulse::image_text(result, 0));
    std::cout << corepulse::to_json(result.recipe) << '\n';  // "edits": at step 4 the dragon came

    corepulse::Request again;
    again.recipe = result.recipe;
    const bool same = pipeline.generate(again).images[0].pixels == result.images[0].pixels;
    std::cout << (same ? "its recipe repeats it\n" : "its recipe gives another picture\n");
    return same ? 0 : 1;
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
