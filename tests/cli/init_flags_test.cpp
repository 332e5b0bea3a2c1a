// From flags to a recipe: the picture to start from, what is repainted of it, and the second pass.

#include <doctest/doctest.h>
#include <fstream>
#include <utility>

#include "corepulse/error.h"

#include "parsed.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE("flags of the picture to start from change its fields, in any order") {
  const auto recipe = parse({"--strength", "0.4", "--init", "cat.png", "--fit", "pad", "--exact-steps"});
  CHECK(recipe.init == InitPicture{.file = "cat.png", .strength = 0.4, .exact_steps = true, .fit = Fit::pad});
  const std::pair<const char*, Resample> filters[] = {{"lanczos", Resample::lanczos},
                                                      {"nearest", Resample::nearest},
                                                      {"bilinear", Resample::bilinear},
                                                      {"bicubic", Resample::bicubic}};
  for (const auto& one : filters) {
    const InitPicture expected{.file = "cat.png", .resample = one.second};
    CHECK(parse({"--resample", one.first, "--init", "cat.png"}).init == expected);
  }
  for (const char* f : {"--fit", "--resample"}) CHECK_THROWS_AS(parse({f, "shrink"}), CLI::ValidationError);
  CHECK_THROWS_AS(parse({"--strength", "half"}), CLI::ConversionError);
}

TEST_CASE("what is repainted is a region or a mask's file") {
  const auto recipe = parse({"--init", "cat.png", "--repaint", "left half feather 0.05", "--soft", "strength", "--grow",
                             "0,8,16,0", "--no-paste"});
  CHECK(recipe.init->mask == rectangle(0, 0, 0.5, 1).feather(0.05));
  CHECK(recipe.init->soft == SoftMask::strength);
  CHECK(recipe.init->grow == std::vector{0, 8, 16, 0});
  CHECK_FALSE(recipe.init->paste);
  CHECK(parse({"--repaint", "masks/1.png"}).init->mask == picture("masks/1.png"));
  CHECK(parse({"--repaint", "picture m.png alpha"}).init->mask == picture("m.png", PictureChannel::alpha));
  for (const char* wrong : {"8", "1,2,3", "1,2,3,4,5", "a,b,c,d"}) CHECK_THROWS_AS(parse({"--grow", wrong}), Error);
}

TEST_CASE("a finished picture's second pass follows what flags change of the first one") {
  Recipe made;
  made.prompt = "a cat", made.width = 256, made.height = 256, made.steps = 12, made.guidance = 5;
  made.second_pass = SecondPass{.width = 512, .height = 512, .steps = 12, .guidance = 3};
  const File file("corepulse_second_pass.json");
  std::ofstream(file.path) << to_json(made);
  const auto same = parse({"--recipe", file.path.string()});
  CHECK(same.second_pass->width == 512);
  const auto wide = parse({"--recipe", file.path.string(), "-W", "384", "--steps", "20", "-g", "7"});
  CHECK(wide.second_pass->scale == 2);
  CHECK(wide.second_pass->width == 0);
  CHECK(wide.second_pass->steps == 0);
  CHECK(wide.second_pass->guidance == 3);
}

TEST_CASE("a second pass has a short form, of which the last one counts") {
  CHECK(parse({"--second-pass", "3x", "--second-pass", "2x, strength 0.4"}).second_pass ==
        SecondPass{.scale = 2, .strength = 0.4});
  CHECK_FALSE(parse({}).second_pass);
  CHECK_FALSE(parse({"--second-pass", "2x", "--no-second-pass"}).second_pass);
}

TEST_CASE("how much around the mask is drawn may be left out, behind the flag or at its end") {
  CHECK(parse({"--only-masked", "--init", "cat.png"}).init->only_masked == 32);
  CHECK(parse({"--init", "cat.png", "--only-masked"}).init->only_masked == 32);
  CHECK(parse({"--only-masked", "0"}).init->only_masked == 0);
  CHECK(parse({"--only-masked=-8"}).init->only_masked == -8);  // which the run refuses
  CHECK_FALSE(parse({"--init", "cat.png"}).init->only_masked);
  CHECK_THROWS_AS(parse({"--only-masked", "wide"}), Error);
}

TEST_CASE("an inversion reads the prompt unless it is given another one") {
  CHECK(parse({"--invert", "--init", "cat.png"}).init->invert == Inversion{});
  CHECK(parse({"--init", "cat.png", "--invert"}).init->invert == Inversion{});
  CHECK(parse({"--invert", "a cat", "--invert-refine", "3", "--no-correction"}).init->invert ==
        Inversion{"a cat", 3, false});
  CHECK(parse({"--invert-refine", "2"}).init->invert == Inversion{.refine = 2});
  CHECK_FALSE(parse({"--init", "cat.png"}).init->invert);
  CHECK(parse({"--image-guidance", "1.2"}).image_guidance == 1.2);
}
