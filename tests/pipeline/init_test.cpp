// A run that starts from a picture: Diffusers' numbers, and what it promises beside them.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <fstream>

#include "corepulse/init_picture.h"

#include "picture_file.h"
#include "pipeline/init/picture.h"
#include "pipeline/init/start.h"
#include "pipeline/init/steps.h"
#include "support.h"
#include "support/psnr.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

/** A run of the goldens: its recipe but for the picture. */
Recipe recipe_of(const io::Json& run) {
  Recipe recipe{.model = tiny_folder(run["family"]), .prompt = run["prompt"], .width = 128, .height = 64};
  recipe.seeds = {run["seed"].get<uint64_t>()};
  recipe.steps = run["steps"], recipe.guidance = run["guidance"];
  recipe.sampler = parse_sampler(run["sampler"].get<std::string>()).sampler;
  recipe.init = InitPicture{.strength = run["strength"]};
  return recipe;
}

/** What is wrong with the recipe, as "code: [where] message". */
std::string refusal(const Recipe& recipe) {
  try {
    explain(recipe);
  } catch (const Error& e) {
    return std::string(name(e.code())) + ": " + e.what();
  }
  return "accepted";
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/** The built-in model's cat, and the short run that changes it. */
struct Cat {
  Recipe recipe = golden_recipe("builtin");
  Image image = run("builtin", recipe, true).images.at(0);
  PictureFile file{"init_cat.png", image};

  Recipe from_it(double strength) const {
    auto r = recipe;
    r.prompt = "a dog in a park", r.seeds = {5};
    r.init = InitPicture{.file = file.path.string(), .strength = strength};
    return r;
  }
};

const Cat& cat() {
  static const Cat one;
  return one;
}

}  // namespace

TEST_CASE("runs from a picture, and inpainting, end in Diffusers' latents within 1e-3") {
  const Golden golden("init");
  const PictureFile picture("init_golden.png", golden_picture(golden, "picture"));
  const auto runs = io::parse_json(golden.metadata().at("runs"), "runs");
  int found = 0;
  for (const auto& [name, run] : runs.items()) {
    CAPTURE(name);
    auto recipe = recipe_of(run);
    recipe.init->file = picture.path.string();
    if (const auto& box = run["repaint"]; !box.is_null()) {
      const double left = box[0], top = box[1], right = box[2], bottom = box[3];
      recipe.init->mask = rectangle(left, top, right - left, bottom - top).pixels();
    }
    const auto result = test::run(run["family"], recipe);
    CHECK(relative_error(result.latents.at(0), numbers(golden, "run/" + name)) <= 1e-3);
    CHECK(result.model_calls == run["calls"].get<int>());
    ++found;
  }
  CHECK(found == 16);
}

TEST_CASE("a picture comes to a size as Pillow brings it there, byte for byte") {
  const Golden golden("init");
  const auto source = golden_picture(golden, "fit/source");
  for (const auto& [width, height] : {std::pair{40, 32}, {96, 80}, {24, 64}}) {
    const auto size = std::to_string(width) + "x" + std::to_string(height);
    CAPTURE(size);
    CHECK(pipeline::fitted(source, Fit::stretch, width, height).pixels ==
          golden_picture(golden, "fit/stretch/" + size).pixels);
    CHECK(pipeline::fitted(source, Fit::crop, width, height).pixels ==
          golden_picture(golden, "fit/crop/" + size).pixels);
    const auto pad = golden_picture(golden, "fit/pad/" + size),
               ours = pipeline::fitted(source, Fit::pad, width, height);
    size_t inside = 0;
    for (size_t i = 0; i < pad.pixels.size(); ++i) {
      const bool black = pad.pixels[i / 3 * 3] + pad.pixels[i / 3 * 3 + 1] + pad.pixels[i / 3 * 3 + 2] == 0;
      if (!black) CHECK(ours.pixels[i] == pad.pixels[i]);
      inside += !black;
    }
    CHECK(inside > pad.pixels.size() / 4);
  }
  CHECK(pipeline::fitted(source, Fit::crop, source.width, source.height).pixels == source.pixels);
}

TEST_CASE("by nearest, bilinear and bicubic a picture is Pillow's, too, byte for byte") {
  const Golden golden("resize");
  const auto source = golden_picture(golden, "source");
  int found = 0;
  for (const auto& [name, filter] :
       {std::pair{"nearest", Resample::nearest}, {"bilinear", Resample::bilinear}, {"bicubic", Resample::bicubic}})
    for (const auto& [how, fit] : {std::pair{"stretch", Fit::stretch}, {"crop", Fit::crop}, {"pad", Fit::pad}})
      for (const auto& [width, height] : {std::pair{20, 16}, {48, 40}, {12, 32}, {73, 29}}) {
        const auto size = fmt::format("{}/{}/{}x{}", name, how, width, height);
        CAPTURE(size);
        const auto theirs = golden_picture(golden, size), ours = pipeline::fitted(source, fit, width, height, filter);
        size_t same = 0, around = 0;  // Pillow pads with black, and no pixel of the source is that
        for (size_t i = 0; i < theirs.pixels.size(); ++i) {
          const auto at = theirs.pixels.begin() + static_cast<ptrdiff_t>(i / 3 * 3);
          if (fit == Fit::pad && at[0] + at[1] + at[2] == 0)
            ++around;
          else
            same += ours.pixels[i] == theirs.pixels[i];
        }
        CHECK(same + around == theirs.pixels.size());
        CHECK(same > around / 4);
        ++found;
      }
  CHECK(found == 36);
}

TEST_CASE("padding repeats the picture's edges") {
  const Image dots{2, 1, {10, 20, 30, 40, 50, 60}, {}};
  CHECK(pipeline::fitted(dots, Fit::pad, 2, 3).pixels ==
        std::vector<uint8_t>{10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60, 10, 20, 30, 40, 50, 60});
}

TEST_CASE("what is transparent lies over white, and a turned photograph stands upright") {
  const auto folder = test::golden_folder() + "/pictures/";
  const auto clear = pipeline::read_start_picture({.file = folder + "rgba.png"}).image;
  const auto black = load_image(folder + "rgba.png");
  REQUIRE(!black.alpha.empty());
  for (size_t i = 0; i < black.alpha.size(); ++i)
    for (size_t c = 0; c < 3; ++c)
      CHECK(clear.pixels[3 * i + c] == std::min(255, black.pixels[3 * i + c] + 255 - black.alpha[i]));
  CHECK(pipeline::read_start_picture({.file = folder + "turned6.jpg"}).image.pixels ==
        load_image(folder + "turned6.jpg").pixels);
}

TEST_CASE("how many steps run is what each tool counts") {
  const auto steps = [](double strength, int of, Compat compat, bool exact = false) {
    const auto part = pipeline::steps_from_picture({.strength = strength, .exact_steps = exact}, of, compat);
    return std::pair{part.run, part.of};
  };
  CHECK(steps(0.6, 20, Compat::diffusers) == std::pair{12, 20});
  CHECK(steps(0.55, 10, Compat::diffusers) == std::pair{5, 10});
  CHECK(steps(1, 20, Compat::diffusers) == std::pair{20, 20});
  CHECK(steps(0.6, 20, Compat::diffusers, true) == std::pair{20, 33});
  CHECK(steps(0.6, 20, Compat::a1111) == std::pair{13, 20});  // int(0.6 * 20) + 1
  CHECK(steps(1, 20, Compat::a1111) == std::pair{20, 20});
  CHECK(steps(0.01, 20, Compat::a1111) == std::pair{1, 20});
  CHECK(steps(0.75, 20, Compat::a1111, true) == std::pair{20, 26});  // "do exactly the amount of steps"
  CHECK(steps(0.6, 20, Compat::comfy) == std::pair{20, 33});
  CHECK(steps(1, 20, Compat::comfy) == std::pair{20, 20});
}

TEST_CASE("windows, curves, progress and edits count the steps that run, and sigma is what it is") {
  auto recipe = cat().from_it(0.6);
  recipe.controls = {inject("a dragon").steps(0, 2), inject("snow").progress(0, 0)};
  const auto json = io::parse_json(explain(recipe).json, "explanation");
  CHECK(json["calls"].size() == 12);
  CHECK(json["calls"][0]["progress"] == 0);
  CHECK(json["calls"][11]["progress"] == 1);
  CHECK(json["controls"][0]["calls"].dump() == "[0,1]");
  CHECK(json["controls"][1]["calls"].dump() == "[0]");
  CHECK(json["init"]["steps"] == 12);
  CHECK(json["init"]["of"] == 20);
  auto whole = recipe;
  whole.init.reset();
  const auto all = io::parse_json(explain(whole).json, "explanation");
  CHECK(json["calls"][0]["sigma"] == all["calls"][8]["sigma"]);
  recipe.controls = {inject("a dragon").sigma(INFINITY, json["calls"][0]["sigma"].get<double>() * 1.01)};
  CHECK(contains(refusal(recipe), "controls[0]"));  // noisier than the run ever is
  recipe.controls = {}, recipe.edits = {{12, {inject("snow")}}};
  CHECK(contains(refusal(recipe), "expected edits in order of steps, here 0..11"));
}

TEST_CASE("a little strength keeps the picture, more changes it, and the prompt is drawn at last") {
  const auto near = [](double strength) {
    return psnr(run("builtin", cat().from_it(strength), true).images.at(0), cat().image);
  };
  const double little = near(0.1), some = near(0.5), all = near(1);
  CHECK(little > 22);
  CHECK(little > some + 2);
  CHECK(some > all + 1);
}

TEST_CASE("outside the mask the result has the picture's own pixels, and latents near the picture's") {
  auto recipe = cat().from_it(0.9);
  recipe.init->mask = rectangle(0, 0, 0.5, 1);
  const auto drawn = run("builtin", recipe, true).images.at(0);
  recipe.init->paste = false;
  const auto whole = run("builtin", recipe, true).images.at(0);
  size_t same = 0, near = 0, changed = 0;
  for (size_t i = 0; i < drawn.pixels.size(); ++i) {
    const bool right = i / 3 % 256 >= 128;
    same += right && drawn.pixels[i] == cat().image.pixels[i];
    near += right && std::abs(int(whole.pixels[i]) - cat().image.pixels[i]) < 24;
    changed += !right && std::abs(int(drawn.pixels[i]) - cat().image.pixels[i]) > 24;
  }
  const size_t half = drawn.pixels.size() / 2;
  CHECK(same == half);
  CHECK(near > half * 9 / 10);
  CHECK(changed > half / 10);
}

TEST_CASE("law: a mask of all is no mask, and the last steps of a soft one are its value's share") {
  auto recipe = cat().from_it(0.5);
  recipe.steps = 8;
  recipe.compat = Compat::comfy;  // Diffusers draws other noise for inpainting at full strength
  const auto plain = run("builtin", recipe);
  for (const auto soft : {SoftMask::blend, SoftMask::strength}) {
    recipe.init->mask = rectangle(0, 0, 1, 1), recipe.init->soft = soft;
    CHECK(relative_error(run("builtin", recipe).latents.at(0), plain.latents.at(0)) <= 1e-5);
  }
  CHECK(pipeline::steps_of_value(0.7, 10) == 7);
  CHECK(pipeline::steps_of_value(1, 8) == 8);
  CHECK(pipeline::steps_of_value(0.1, 8) == 0);
}

TEST_CASE("law: where every place has the same share of the strength, it is a run of that strength") {
  auto whole = cat().from_it(1), half = whole;
  whole.compat = half.compat = Compat::a1111;  // noise is drawn once, and the picture stays under it at full strength
  whole.steps = half.steps = 8;
  whole.init->mask = linear_gradient({0, 0}, {1, 0}, 0.5, 0.5), whole.init->soft = SoftMask::strength;
  half.init->strength = 3.0 / 8;  // of which A1111 runs one step more
  CHECK(relative_error(run("builtin", whole).latents.at(0), run("builtin", half).latents.at(0)) <= 1e-5);
}

TEST_CASE("a mask that changes from left to right changes the picture from left to right") {
  auto recipe = cat().from_it(0.9);
  recipe.init->mask = linear_gradient({0, 0}, {1, 0}), recipe.init->soft = SoftMask::strength;
  recipe.init->paste = false;
  const auto drawn = run("builtin", recipe, true).images.at(0);
  double left = 0, right = 0;
  for (size_t i = 0; i < drawn.pixels.size(); ++i) {
    const size_t x = i / 3 % 256;
    const double difference = std::abs(int(drawn.pixels[i]) - cat().image.pixels[i]);
    if (x < 64) left += difference;
    if (x >= 192) right += difference;
  }
  CHECK(left * 2 < right);
}

TEST_CASE("a canvas that grows keeps the picture in its place, pixel for pixel, and draws around it") {
  auto recipe = cat().from_it(1);
  recipe.prompt = "a cat in a park", recipe.steps = 4;
  recipe.init->grow = {32, 0, 64, 16}, recipe.width = recipe.height = 0;
  const auto result = run("builtin", recipe, true);
  const auto& drawn = result.images.at(0);
  CHECK(drawn.width == 352);
  CHECK(drawn.height == 272);
  bool same = true;
  for (int y = 0; y < 256; ++y)
    same = same && std::equal(cat().image.pixels.begin() + y * 768, cat().image.pixels.begin() + (y + 1) * 768,
                              drawn.pixels.begin() + (y * 352 + 32) * 3);
  CHECK(same);
}

TEST_CASE("a mask over the picture's file is cropped as the picture is") {
  const Image wide{200, 100, std::vector<uint8_t>(60000, 90), {}};
  Image mask = wide;
  for (size_t i = 0; i < mask.pixels.size(); ++i) mask.pixels[i] = i / 3 % 200 < 100 ? 255 : 0;  // its left half
  const PictureFile file("init_wide2.png", wide), mask_file("init_mask.png", mask);
  Recipe recipe{.width = 64, .height = 64};
  recipe.init = InitPicture{.file = file.path.string(), .mask = picture(mask_file.path.string())};
  pipeline::MaskPictures masks;
  const auto start = pipeline::start_from({wide, "ab"}, {}, recipe, masks);
  double left = 0, right = 0;
  for (size_t i = 0; i < start.mask->values.size(); ++i) (i % 64 < 32 ? left : right) += start.mask->values[i] / 2048;
  CHECK(left > 0.99);
  CHECK(right < 0.01);
  CHECK(!recipe.init->mask->data.empty());  // the recipe has the mask inside
}

TEST_CASE("an inpainting model draws from noise alone, too: all of the picture is its mask") {
  auto recipe = golden_recipe("inpaint");
  recipe.steps = 3;
  const auto alone = run("inpaint", recipe);
  CHECK(alone.model_calls == 3);
  recipe.seeds = {3, 4};
  CHECK(run("inpaint", recipe).latents.size() == 2);
}

TEST_CASE("law: another prompt in all layers and steps of a run from a picture is that prompt, bit for bit") {
  auto recipe = cat().from_it(0.5);
  recipe.steps = 4;
  recipe.init->mask = circle(0.5, 0.5, 0.3).feather(0.1);
  recipe.controls = {inject("a dragon on the beach")};
  const auto injected = run("builtin", recipe).latents;
  recipe.controls = {}, recipe.prompt = "a dragon on the beach";
  CHECK(run("builtin", recipe).latents == injected);
}

TEST_CASE("law: a picture of a batch is the picture alone") {
  auto recipe = cat().from_it(0.4);
  recipe.steps = 5;
  recipe.seeds = {5, 6};
  const auto both = run("builtin", recipe);
  recipe.seeds = {6};
  CHECK(both.latents.at(1) == run("builtin", recipe).latents.at(0));
}

TEST_CASE("without a size the run has the model's pixels in the picture's proportions") {
  const Image wide{200, 100, std::vector<uint8_t>(60000, 90), {}};
  const PictureFile file("init_wide.png", wide);
  auto recipe = cat().from_it(0.5);
  recipe.init->file = file.path.string(), recipe.width = recipe.height = 0;
  const auto resolved = explain(recipe).recipe;
  CHECK(resolved.width == 360);  // 256 * 256 pixels, 2 : 1
  CHECK(resolved.height == 184);
  recipe.width = 320;
  CHECK(explain(recipe).recipe.height == 160);
}

TEST_CASE("a finished recipe knows its picture by a digest and repeats itself; another picture is refused") {
  auto recipe = cat().from_it(0.3);
  recipe.steps = 6;
  const auto result = run("builtin", recipe);
  CHECK(result.recipe.init->sha256.size() == 64);
  const auto again = recipe_from_json(to_json(result.recipe));
  CHECK(run("builtin", again).latents == result.latents);
  auto other = again;
  other.init->sha256[0] = other.init->sha256[0] == '0' ? '1' : '0';
  CHECK(contains(refusal(other), "bad_file: [init]"));
  const auto folder = cat().file.path.parent_path();
  const auto moved = recipe_for_folder(again, folder);
  CHECK(moved.init->file == cat().file.path.filename().string());
  CHECK(recipe_from_folder(moved, folder).init->file == (folder / moved.init->file).string());
}

TEST_CASE("what is wrong with init is said before weights are read") {
  auto recipe = cat().from_it(0.5);
  const auto with = [&](auto change) {
    auto spoiled = recipe;
    change(*spoiled.init);
    return refusal(spoiled);
  };
  CHECK(contains(with([](InitPicture& i) { i.strength = 0; }), "init.strength is 0; expected more than 0"));
  CHECK(contains(with([](InitPicture& i) { i.strength = NAN; }), "init.strength is nan"));
  CHECK(contains(with([](InitPicture& i) { i.strength = 0.01; }), "[init.strength] 0.01 of 20 steps is none"));
  CHECK(contains(with([](InitPicture& i) { i.strength = 0.01, i.exact_steps = true; }), "it would have 2000"));
  CHECK(contains(with([](InitPicture& i) { i.file.clear(); }), "[init] expected either file"));
  CHECK(contains(with([](InitPicture& i) { i.data = "AAAA"; }), "[init] expected either file"));
  CHECK(contains(with([](InitPicture& i) { i.file.clear(), i.data = "%%"; }), "[init.data]"));
  CHECK(contains(with([](InitPicture& i) { i.file = "none.png"; }), "not_found"));
  CHECK(contains(with([](InitPicture& i) { i.mask = rectangle(0, 0, 0, 1); }), "[init.mask] it is 0 everywhere"));
  CHECK(contains(with([](InitPicture& i) { i.mask = picture("none.png"); }), "[init.mask]"));
  CHECK(contains(with([](InitPicture& i) { i.grow = {8, 8}; }), "[init.grow] [8, 8]"));
  CHECK(contains(with([](InitPicture& i) { i.grow = {4, 0, 0, 0}; }), "a multiple of 8"));
  CHECK(contains(with([](InitPicture& i) { i.grow = {-8, 0, 0, 0}; }), "[init.grow]"));
  CHECK(contains(with([](InitPicture& i) { i.grow = {128, 0, 128, 0}; }), "width is 256, and init.grow adds 256"));
  const auto text = std::filesystem::temp_directory_path() / "corepulse_init.txt";
  std::ofstream(text) << "no picture";
  CHECK(contains(with([&](InitPicture& i) { i.file = text.string(); }), "bad_file"));
  std::filesystem::remove(text);
}
