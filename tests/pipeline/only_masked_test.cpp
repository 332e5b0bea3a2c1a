// A part of a picture drawn larger than it is, and set back.
#include "pipeline/init/only_masked.h"

#include <doctest/doctest.h>
#include <random>

#include "picture_file.h"
#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

Image noise(int width, int height) {
  std::mt19937 random(7);
  Image image{width, height, std::vector<uint8_t>(size_t{3} * width * height), {}};
  for (auto& value : image.pixels) value = static_cast<uint8_t>(random() % 256);
  return image;
}

/** A picture of 200 x 152 and a short run of a small model that draws its surroundings of a mask. */
struct Scene {
  Image image = noise(200, 152);
  PictureFile file{"only_masked.png", image};

  Recipe around(const Region& mask, int padding) const {
    Recipe recipe{.model = tiny_folder("small"), .prompt = "a cat in a park", .width = 64, .height = 64, .steps = 3};
    recipe.init = InitPicture{.file = file.path.string(), .strength = 0.9, .mask = mask, .only_masked = padding};
    return recipe;
  }
};

const Scene& scene() {
  static const Scene one;
  return one;
}

std::string refusal(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& e) {
    return e.what();
  }
  return "accepted";
}

pipeline::MaskedPart masked(const Region& mask, int padding) {
  pipeline::MaskPictures masks;
  InitPicture init{.mask = mask, .only_masked = padding};
  return pipeline::masked_part({scene().image, ""}, {}, init, masks);
}

std::vector<int> box(const control::PixelBox& b) {
  return {b.left, b.top, b.width, b.height};
}

io::Json explained(const Recipe& recipe) {
  return io::parse_json(explain(recipe).json, "explanation");
}

}  // namespace

TEST_CASE("the part that is drawn is the mask's box with its padding, grown to the run's proportions") {
  const auto small = masked(rectangle(60, 40, 20, 10).pixels(), 8);
  CHECK(box(small.touched) == std::vector{52, 32, 36, 26});
  CHECK(box(pipeline::drawn_part(small, 64, 64)) == std::vector{52, 27, 36, 36});
  CHECK(box(pipeline::drawn_part(small, 128, 64)) == std::vector{44, 32, 52, 26});
  const auto corner = masked(rectangle(180, 0, 20, 10).pixels(), 8);
  CHECK(box(corner.touched) == std::vector{172, 0, 28, 18});
  CHECK(box(pipeline::drawn_part(corner, 64, 64)) == std::vector{172, 0, 28, 28});  // moved into the picture
  CHECK(box(pipeline::drawn_part(corner, 128, 64)) == std::vector{164, 0, 36, 18});
  const auto all = masked(rectangle(0, 0, 1, 1), 8);
  CHECK(box(all.touched) == std::vector{0, 0, 200, 152});
  CHECK(box(pipeline::drawn_part(all, 64, 64)) == std::vector{0, -24, 200, 200});  // over its edges
}

TEST_CASE("a feathered mask's box ends where no byte would change") {
  const auto soft = masked(circle(0.5, 0.5, 0.1).feather(0.1), 0).touched;
  CHECK(std::abs(soft.width - 46) <= 2);  // two radii and a feather of the shorter side
  CHECK(std::abs(soft.height - 46) <= 2);
}

TEST_CASE("a part that reaches over the picture's edges repeats them") {
  const auto start = pipeline::start_from(masked(rectangle(0, 0, 1, 1), 0), 200, 200);
  const auto& picture = start.picture;
  const auto row = [&](const Image& image, int y) {
    return std::vector<uint8_t>(image.pixels.begin() + y * 600, image.pixels.begin() + (y + 1) * 600);
  };
  CHECK(row(picture, 0) == row(scene().image, 0));
  CHECK(row(picture, 24) == row(scene().image, 0));
  CHECK(row(picture, 100) == row(scene().image, 76));
  CHECK(row(picture, 199) == row(scene().image, 151));
}

TEST_CASE("the part comes to the run's size, and back, by the filter that init names") {
  auto recipe = scene().around(rectangle(0.3, 0.3, 0.3, 0.3), 8);
  std::vector<Image> drawn;
  for (const auto filter : {Resample::lanczos, Resample::nearest}) {
    recipe.init->resample = filter;
    const auto start = pipeline::start_from(masked(*recipe.init->mask, 8), 64, 64, filter);
    const auto& part = start.around->part;
    const pipeline::Margins around{-part.left, -part.top, part.left + part.width - 200, part.top + part.height - 152};
    CHECK(start.picture.pixels ==
          pipeline::fitted(pipeline::with_margins(scene().image, around), Fit::stretch, 64, 64, filter).pixels);
    Image back = start.picture;
    auto init = *recipe.init;
    init.paste = false;
    pipeline::finish(start, init, 3, true, back);
    const auto there = pipeline::fitted(start.picture, Fit::stretch, part.width, part.height, filter);
    const auto at = [](const Image& image, int x, int y) {
      return image.pixels[(static_cast<size_t>(y) * image.width + x) * 3];
    };
    CHECK(at(back, part.left + 5, part.top + 7) == at(there, 5, 7));
    drawn.push_back(back);
  }
  CHECK(drawn[0].pixels != drawn[1].pixels);
}

TEST_CASE("outside the mask every byte is the picture's, which keeps its size, and inside it is drawn") {
  const auto region = circle(70, 60, 20).pixels().feather(8);
  for (const bool paste : {true, false}) {
    auto recipe = scene().around(region, 8);
    recipe.init->paste = paste;
    const auto result = run("small", recipe, true);
    const auto& drawn = result.images.at(0);
    REQUIRE(drawn.width == 200);
    REQUIRE(drawn.height == 152);
    CHECK(result.latents.at(0).size() == 4 * 8 * 8);
    const double reach = paste ? 26.5 : 33;  // the radius and half the feather both ways; or the part's side
    size_t outside = 0, same = 0, inside = 0, changed = 0;
    for (int y = 0; y < 152; ++y)
      for (int x = 0; x < 200; ++x) {
        const double across = std::abs(x + 0.5 - 70), down = std::abs(y + 0.5 - 60);
        const double away = paste ? std::hypot(across, down) : std::max(across, down);
        const size_t at = (static_cast<size_t>(y) * 200 + x) * 3;
        const bool equal =
            std::equal(drawn.pixels.begin() + at, drawn.pixels.begin() + at + 3, scene().image.pixels.begin() + at);
        if (away > reach) ++outside, same += equal;
        if (std::hypot(across, down) < 15) ++inside, changed += !equal;
      }
    CHECK(same == outside);
    CHECK(changed > inside * 9 / 10);
  }
}

TEST_CASE("law: a part that is the whole picture at its own size is a run without only_masked") {
  auto recipe = scene().around(rectangle(0, 0, 1, 1) - circle(0.3, 0.5, 0.2).feather(0.1), 0);
  recipe.width = 200, recipe.height = 152, recipe.steps = 2;
  recipe.controls = {inject("a dragon").within(rectangle(0, 0, 0.5, 1).feather(0.2))};
  const auto part = run("small", recipe, true);
  recipe.init->only_masked.reset();
  const auto whole = run("small", recipe, true);
  CHECK(relative_error(part.latents.at(0), whole.latents.at(0)) <= 1e-5);
  int most = 0;
  for (size_t i = 0; i < whole.images[0].pixels.size(); ++i)
    most = std::max(most, std::abs(part.images[0].pixels[i] - whole.images[0].pixels[i]));
  CHECK(most <= 1);
}

TEST_CASE("law: a control's region is of the whole picture, not of the part") {
  const auto left = rectangle(0, 0, 0.5, 1), right = rectangle(0.5, 0, 0.5, 1);
  auto recipe = scene().around(rectangle(20, 40, 40, 40).pixels(), 8);  // in the left half
  recipe.controls = {inject("a dragon")};
  const auto everywhere = run("small", recipe).latents;
  recipe.controls = {inject("a dragon").within(left)};
  CHECK(run("small", recipe).latents == everywhere);
  recipe.controls = {inject("a dragon").within(right)};
  CHECK(refusal(recipe).find("expected some of the 56x56 pixels at 12,32 that are drawn of the 200x152 picture") !=
        std::string::npos);
  recipe = scene().around(rectangle(90, 40, 40, 40).pixels(), 0);  // a quarter of it in the left half
  recipe.controls = {inject("a dragon").within(left)};
  for (const auto& cells : explained(recipe)["controls"][0]["region"]) CHECK(cells["mean"] == doctest::Approx(0.25));
}

TEST_CASE("explain says which part is drawn, at a size in its proportions if none is given") {
  auto recipe = scene().around(rectangle(60, 40, 40, 20).pixels(), 0);
  recipe.width = recipe.height = 0;
  const auto explanation = explain(recipe);
  const double proportion = double(explanation.recipe.width) / explanation.recipe.height;
  CHECK(std::abs(proportion - 2) < 0.25);  // in multiples of 8
  CHECK(explanation.text.find("of its 200x152 pixels, at 60,") != std::string::npos);
  CHECK(explained(recipe)["init"]["part"].size() == 4);
}

TEST_CASE("a heat map lies over the part that was drawn") {
  auto recipe = scene().around(rectangle(60, 40, 20, 20).pixels(), 6);
  recipe.controls = {capture("cat")};
  const auto result = run("small", recipe, true);
  const auto& map = result.heat_maps.at(0);
  REQUIRE(map.part == HeatMap::Part{54, 34, 32, 32});
  const auto over = overlay(map, result.images.at(0));
  size_t outside = 0, inside = 0;
  for (size_t i = 0; i < over.pixels.size(); ++i) {
    const int x = static_cast<int>(i / 3 % 200), y = static_cast<int>(i / 600);
    const bool within = x >= 54 && x < 86 && y >= 34 && y < 66;
    (within ? inside : outside) += over.pixels[i] != result.images[0].pixels[i];
  }
  CHECK(outside == 0);
  CHECK(inside > 2000);
}

TEST_CASE("two passes draw the same part, and what the second one drew is set into the picture") {
  const auto region = rectangle(20, 40, 40, 40).pixels();
  for (const auto upscale : {Upscale::lanczos, Upscale::latent_bilinear}) {
    auto recipe = scene().around(region, 8);
    recipe.second_pass = SecondPass{.scale = 1.5, .upscale = upscale, .strength = 0.7, .exact_steps = true, .steps = 2};
    recipe.controls = {inject("a dragon").within(rectangle(0, 0, 100, 152).pixels()),
                       capture("cat")};  // all of the part
    const auto result = run("small", recipe, true);
    CHECK(result.latents.at(0).size() == 4 * 12 * 12);
    CHECK(result.heat_maps.at(0).part == HeatMap::Part{12, 32, 56, 56});
    const auto& drawn = result.images.at(0);
    REQUIRE(drawn.width == 200);
    REQUIRE(drawn.height == 152);
    size_t outside = 0, inside = 0;
    for (size_t i = 0; i < drawn.pixels.size(); ++i) {
      const int x = static_cast<int>(i / 3 % 200), y = static_cast<int>(i / 600);
      const bool within = x >= 20 && x < 60 && y >= 40 && y < 80;
      (within ? inside : outside) += drawn.pixels[i] != scene().image.pixels[i];
    }
    CHECK(outside == 0);
    CHECK(inside > 4000);
    recipe.controls[0].region.reset();
    CHECK(run("small", recipe).latents == result.latents);
    recipe.second_pass.reset();
    CHECK(run("small", recipe, true).images.at(0).pixels != drawn.pixels);
  }
}

TEST_CASE("law: two passes over a part that is the whole picture draw what they draw without only_masked") {
  auto recipe = scene().around(rectangle(0, 0, 1, 1) - circle(0.3, 0.5, 0.2).feather(0.1), 0);
  recipe.width = 200, recipe.height = 152, recipe.steps = 2;
  recipe.second_pass = SecondPass{.scale = 1, .strength = 0.6, .exact_steps = true};
  const auto part = run("small", recipe);
  recipe.init->only_masked.reset();
  CHECK(relative_error(part.latents.at(0), run("small", recipe).latents.at(0)) <= 1e-3);  // a byte of the first picture
}

TEST_CASE("a canvas that grew is a mask, too, and its pixels are the picture's") {
  auto recipe = scene().around({}, 16);
  recipe.init->mask.reset(), recipe.init->grow = {0, 0, 40, 0};
  const auto drawn = run("small", recipe, true).images.at(0);
  CHECK(drawn.width == 240);
  CHECK(drawn.height == 152);
  for (int y = 0; y < 152; ++y)
    CHECK(std::equal(scene().image.pixels.begin() + y * 600, scene().image.pixels.begin() + (y + 1) * 600,
                     drawn.pixels.begin() + y * 720));
}

TEST_CASE("what is wrong with only_masked is said before weights are read") {
  const auto with = [](const Region& mask, int padding) { return refusal(scene().around(mask, padding)); };
  CHECK(with(circle(3, 3, 0.1), 8).find("[init.mask] it is 0 everywhere") == 0);
  CHECK(with(circle(0.5, 0.5, 0.1), -1) == "[init.only_masked] -1; expected the pixels around the mask, 0 to 8192");
  CHECK(with(circle(0.5, 0.5, 0.1), 8193).find("[init.only_masked] 8193; expected") == 0);
  CHECK(with(linear_gradient({0, 0}, {1, 0}, 0.001, 0.001), 8).find("[init.only_masked] the mask is 0 everywhere") ==
        0);
  auto recipe = scene().around({}, 8);
  recipe.init->mask.reset();
  CHECK(refusal(recipe).find("[init.only_masked] there is no mask; expected init.mask (--repaint), or init.grow") == 0);
}
