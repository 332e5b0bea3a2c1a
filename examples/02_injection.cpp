// The same seed twice: plain, and with another prompt read by the middle block of the UNet.

#include <iostream>

#include "corepulse/control.h"
#include "corepulse/error.h"
#include "corepulse/pipeline.h"

int main() {
  try {
    const auto pipeline = corepulse::Pipeline::load({.model = "builtin"});
    corepulse::Request request;
    request.recipe.prompt = "a cat in a park";
    request.recipe.seeds = {3};
    const auto plain = pipeline.generate(request);
    corepulse::save_image(plain.images[0], "plain.png", corepulse::image_text(plain, 0));

    // "content" is the middle block: in this model it decides what the object is; the input blocks keep the park.
    request.recipe.controls.push_back(corepulse::inject("a dragon").at("content").gains(2, 2));
    const auto injected = pipeline.generate(request);
    corepulse::save_image(injected.images[0], "dragon.png", corepulse::image_text(injected, 0));
    std::cout << "plain.png and dragon.png\n";
  } catch (const corepulse::Error& error) {
    std::cerr << error.what() << '\n';
    return corepulse::exit_status(error.code());
  }
}
