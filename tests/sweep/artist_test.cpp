// A pipeline as artist: what a check prepared is drawn, and not prepared again.

#include "sweep/artist.h"

#include <doctest/doctest.h>

#include "support/places.h"
#include "sweep/support.h"

using namespace corepulse;
using namespace corepulse::sweep;
using test::Folder;
namespace fs = std::filesystem;

namespace {

/** Starts from a picture: what is prepared again after that is gone fails. */
Recipe from_picture(const std::filesystem::path& file, uint64_t seed) {
  Recipe recipe;
  recipe.model = test::golden_folder() + "/models/small";
  recipe.prompt = "a cat";
  recipe.seeds = {seed};
  recipe.steps = 2, recipe.width = recipe.height = 64;
  recipe.init = InitPicture{.file = file.string()};
  return recipe;
}

}  // namespace

TEST_CASE("runs that were checked, or counted to go together, are drawn without being prepared again") {
  const Folder folder;
  const auto file = folder / "start.png";
  save_image(Image{64, 64, std::vector<uint8_t>(64 * 64 * 3, 128), {}}, file);
  const auto first = from_picture(file, 1), second = from_picture(file, 2), third = from_picture(file, 3);
  PipelineArtist artist(LoadOptions::Device::cpu, {});
  artist.check(first);
  const std::vector<Order> orders{{&second, folder / ""}, {&third, folder / ""}};
  CHECK(artist.together(orders, false) == 2);
  fs::remove(file);
  CHECK(artist.draw_together(orders).size() == 2);
  const auto drawn = artist.draw(first, folder / "");
  CHECK(drawn.image.width == 64);
  CHECK(drawn.recipe.seeds == std::vector<uint64_t>{1});
  CHECK_THROWS_AS(artist.draw(first, folder / ""), Error);  // it went with its first drawing
}
