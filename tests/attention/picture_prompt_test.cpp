// Picture prompts on one layer, against their definition in docs/control.md written out in double precision.
#include "control/effects/picture_prompt.h"

#include <doctest/doctest.h>

#include "scene.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr double kTolerance = 1e-5;
const char* const kPrompt = "a red cat in a park";

/** A guided run of one layer that may read pictures. */
struct Pictured {
  Pictured() {
    scene.inputs.picture_prompts = {
        {control::picture_prompt_name(picture_prompt("ip", {"cat.png"}).effect), 77, "IP-Adapter"}};
  }
  static Control prompt(Curve strength = 1) { return picture_prompt("ip", {"cat.png"}, std::move(strength)); }

  Matrix text(bool conditional) const { return Scene::context(conditional ? kPrompt : scene.inputs.negative_prompt); }
  const Matrix& x(bool conditional) const {
    return scene.picture({0, conditional ? control::kPrompt : control::kNegative});
  }
  Matrix found(bool conditional, const Matrix& e) const {
    return layer.say(Layer::softmax(layer.logits(x(conditional), e)), e);
  }
  /** By row: the text's, and `weight(pixel)` times what is made of a picture, or of none. */
  Matrix added(bool conditional, const std::function<double(int pixel)>& weight) const {
    auto sum = found(conditional, text(conditional));
    const auto more = found(conditional, Scene::picture_tokens(conditional));
    for (int r = 0; r < sum.rows; ++r)
      for (int c = 0; c < sum.columns; ++c) sum(r, c) += weight(r) * more(r, c);
    return sum;
  }
  double error(const std::vector<Control>& controls, const Matrix& negative, const Matrix& conditional) const {
    return relative_error(scene.run(controls, true), {layer.out(negative), layer.out(conditional)});
  }

  Scene scene;
  const Layer& layer = scene.cross;
};

double always(int) {
  return 1;
}
double never(int) {
  return 0;
}

}  // namespace

TEST_CASE_FIXTURE(Pictured, "what is found in pictures is added, in the negative row what is found in none") {
  const auto twice = [](int) { return 2.; };
  CHECK(error({prompt()}, added(false, always), added(true, always)) <= kTolerance);
  CHECK(error({prompt(2)}, added(false, twice), added(true, twice)) <= kTolerance);
  CHECK(error({prompt().on(Rows::cond)}, added(false, never), added(true, always)) <= kTolerance);
  CHECK(error({prompt()}, added(false, never), added(true, never)) > 0.03);
  const auto left = [](int pixel) { return pixel % Scene::kWidth < 3 ? 1 : pixel % Scene::kWidth == 3 ? 0.5 : 0; };
  CHECK(error({prompt().within(rectangle(0, 0, 0.5, 1))}, added(false, left), added(true, left)) <= kTolerance);
  CHECK(error({prompt(0.5), prompt(0.5)}, added(false, always), added(true, always)) <= kTolerance);
}

TEST_CASE_FIXTURE(Pictured,
                  "pictures stand beside what other controls make of the text, wherever they are in the list") {
  const auto dragon = inject("a dragon");
  auto other = found(true, Scene::context("a dragon"));
  const auto more = found(true, Scene::picture_tokens(true));
  for (size_t i = 0; i < other.values.size(); ++i) other.values[i] += more.values[i];
  CHECK(error({dragon, prompt()}, added(false, always), other) <= kTolerance);
  CHECK(error({prompt(), dragon}, added(false, always), other) <= kTolerance);
}

TEST_CASE_FIXTURE(Pictured, "how share reads the words and the pictures in one softmax, with gains") {
  auto sharing = prompt();
  std::get<PicturePrompt>(sharing.effect).how = PicturePrompt::How::share;
  const auto together = [&](bool conditional, double keys, double values) {
    auto all = stacked(text(conditional), Scene::picture_tokens(conditional));
    auto logits = layer.logits(x(conditional), all);
    for (auto& head : logits)
      for (int r = 0; r < head.rows; ++r)
        for (int k = 77; k < 154; ++k) head(r, k) *= keys;
    for (int k = 77; k < 154; ++k)
      for (int c = 0; c < all.columns; ++c) all(k, c) *= values;
    return layer.say(Layer::softmax(logits), all);
  };
  CHECK(error({sharing}, together(false, 1, 1), together(true, 1, 1)) <= kTolerance);
  CHECK(error({sharing.gains(1.5, -0.5)}, together(false, 1.5, -0.5), together(true, 1.5, -0.5)) <= kTolerance);
  const auto half = blend(together(true, 1, 1), found(true, text(true)), [](int, int) { return 0.5; });
  CHECK(error({sharing.strength(0.5).on(Rows::cond)}, added(false, never), half) <= kTolerance);
}

TEST_CASE_FIXTURE(Pictured, "a picture prompt of no strength is the plain layer bit for bit; so are pixels outside") {
  const auto plain = scene.run({}, true);
  const auto same = [](const Matrix& a, const Matrix& b, int pixel) {
    return std::equal(a.values.begin() + ptrdiff_t{pixel} * a.columns,
                      a.values.begin() + ptrdiff_t{pixel + 1} * a.columns,
                      b.values.begin() + ptrdiff_t{pixel} * a.columns);
  };
  CHECK(scene.run({prompt(0)}, true)[1].values == plain[1].values);
  CHECK(scene.run({prompt().steps(2, 3)}, true)[1].values == plain[1].values);  // this is step 1
  const auto cond = scene.run({prompt().on(Rows::cond)}, true);
  CHECK(cond[0].values == plain[0].values);
  const auto left = scene.run({prompt().within(rectangle(0, 0, 0.5, 1))}, true);
  for (int pixel = 0; pixel < Scene::kHeight * Scene::kWidth; ++pixel) {
    CHECK(same(left[1], plain[1], pixel) == (pixel % Scene::kWidth > 3));
    CHECK(same(left[0], plain[0], pixel) == (pixel % Scene::kWidth > 3));
  }
}
