// Every kind of control on one layer, against its definition in docs/control.md written out in double precision.
#include <cmath>
#include <doctest/doctest.h>

#include "scene.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr double kTolerance = 1e-5;
const char* const kPrompt = "a red cat in a park";
constexpr int kRed = 2, kCat = 3;  // positions; 0 is the start

int column(int pixel) {
  return pixel % Scene::kWidth;
}
// rectangle(0, 0, 0.5, 1): three and a half of seven columns. rectangle(0, 0, 1, 0.4): two of five rows.
const Region kLeft = rectangle(0, 0, 0.5, 1), kTop = rectangle(0, 0, 1, 0.4);
double left(int pixel) {
  return column(pixel) < 3 ? 1 : column(pixel) == 3 ? 0.5 : 0;
}
double top(int pixel) {
  return pixel / Scene::kWidth < 2 ? 1 : 0;
}

double largest_error = 0;  // of all cases before the last

/** Cross-attention with and without a control. */
struct Reading {
  Scene scene;
  const Layer& layer = scene.cross;
  const Matrix& x = scene.picture({0, control::kPrompt});
  Matrix prompt = Scene::context(kPrompt);

  Heads attention(const Matrix& e) const { return Layer::softmax(layer.logits(x, e)); }
  Matrix reads(const Matrix& e) const { return layer.say(attention(e), e); }
  /** p_j times `weight` at one position, rows summing to 1 again. */
  Matrix reweighted(int position, double weight) const {
    const auto p = edited(attention(prompt), [=](double& v, int, int, int j) { v *= j == position ? weight : 1; });
    return layer.say(normalised(p), prompt);
  }
  /** The conditional row's result before to_out. */
  void check(const corepulse::Control& control, const Matrix& expected) const {
    const auto& other = scene.picture({0, control::kNegative});
    const auto negative = Scene::context(scene.inputs.negative_prompt);
    const auto untouched = layer.out(layer.say(Layer::softmax(layer.logits(other, negative)), negative));
    const std::vector<Matrix> wanted{untouched, layer.out(expected)};
    const double error = relative_error(scene.run({control}, true), wanted);
    CHECK(error <= kTolerance);
    CHECK(relative_error({layer.out(reads(prompt))}, {wanted[1]}) > 0.03);  // it does something
    largest_error = std::max(largest_error, error);
  }
};

/** Self-attention; row r looks at itself. */
struct Looking {
  Scene scene{{.batch = 2, .guided = false, .heads = 2, .channels = 40, .seed = 5}};
  const Layer& layer = scene.self;

  Heads attention(int row) const { return Layer::softmax(layer.logits(scene.x[row], scene.x[row])); }
  Matrix looks(int row) const { return layer.say(attention(row), scene.x[row]); }
  /** `expected(row)` before to_out. */
  void check(const corepulse::Control& control, const std::function<Matrix(int row)>& expected) const {
    std::vector<Matrix> wanted, plain;
    for (int r = 0; r < 2; ++r) wanted.push_back(layer.out(expected(r))), plain.push_back(layer.out(looks(r)));
    const double error = relative_error(scene.run({control}, false), wanted);
    CHECK(error <= kTolerance);
    CHECK(relative_error(plain, wanted) > 0.03);
    largest_error = std::max(largest_error, error);
  }
  /** p_j times weight(pixel, key), rows summing to 1 again. */
  Matrix weighed(int row, const std::function<double(int, int)>& weight) const {
    const auto p = edited(attention(row), [&](double& v, int, int pixel, int j) { v *= weight(pixel, j); });
    return layer.say(normalised(p), scene.x[row]);
  }
};

}  // namespace

TEST_CASE_FIXTURE(Reading, "no control: softmax(scale Q K) V") {
  const auto& other = scene.picture({0, control::kNegative});
  const auto negative = Scene::context("the park");
  const auto unconditional = layer.say(Layer::softmax(layer.logits(other, negative)), negative);
  CHECK(relative_error(scene.run({}, true), {layer.out(unconditional), layer.out(reads(prompt))}) <= kTolerance);
}

TEST_CASE_FIXTURE(Reading, "inject reads another prompt, with a share, in a region, by some heads") {
  const auto dragon = Scene::context("a dragon");
  const auto before = reads(prompt), after = reads(dragon);
  check(inject("a dragon"), after);
  check(inject("a dragon").strength(0.3), blend(after, before, [](int, int) { return 0.3; }));
  check(inject("a dragon").strength({{0, 0}, {1, 1}}), blend(after, before, [](int, int) { return 0.5; }));
  check(inject("a dragon").within(kTop), blend(after, before, [](int p, int) { return top(p); }));
  check(inject("a dragon").within(kLeft).strength(0.6), blend(after, before, [](int p, int) { return 0.6 * left(p); }));
  check(inject("a dragon").for_heads({1}).within(kLeft),
        blend(after, before, [&](int p, int channel) { return channel / layer.head_size() == 1 ? left(p) : 0; }));
}

TEST_CASE_FIXTURE(Reading, "inject's gains multiply the keys and the values of its prompt") {
  const auto dragon = Scene::context("a dragon");
  const auto p = Layer::softmax(edited(layer.logits(x, dragon), [](double& l, int, int, int) { l *= 1.5; }));
  const auto said = edited(p, [](double& v, int, int, int) { v *= -0.5; });
  check(inject("a dragon").gains(1.5, -0.5), layer.say(said, dragon));
}

TEST_CASE_FIXTURE(Reading, "reweight multiplies attention to a phrase, the rest adjusted; mask_tokens takes it away") {
  const auto before = reads(prompt);
  check(reweight("cat", 8), reweighted(kCat, 8));
  check(reweight("cat", 20).within(kLeft).strength(0.7),
        blend(reweighted(kCat, 20), before, [](int p, int) { return 0.7 * left(p); }));
  check(reweight("red", 9).for_heads({0, 2}),
        blend(reweighted(kRed, 9), before, [&](int, int channel) { return channel / layer.head_size() == 1 ? 0 : 1; }));
  check(reweight("cat", 0), reweighted(kCat, 0));
  check(mask_tokens("cat"), reweighted(kCat, 0));
  check(mask_tokens("cat").context(TokenContext::reencode), reads(Scene::context("a red in a park")));
}

TEST_CASE_FIXTURE(Reading, "replace_tokens reads the new words among the old ones, or the whole new prompt") {
  const auto fresh = Scene::context("a red fluffy dog in a park");
  Matrix kept(77, Scene::kContextWidth);
  for (int i = 0; i < 77; ++i)
    for (int c = 0; c < kept.columns; ++c)
      kept(i, c) = i < kCat ? prompt(i, c) : i < kCat + 2 ? fresh(i, c) : prompt(i - 1, c);
  check(replace_tokens("cat", "fluffy dog"), reads(kept));
  check(replace_tokens("cat", "fluffy dog").context(TokenContext::replace), reads(fresh));
}

TEST_CASE_FIXTURE(Reading, "value_gain changes what a phrase says at unchanged attention") {
  const auto p = edited(attention(prompt), [](double& v, int, int, int j) { v *= j == kCat ? -4 : 1; });
  check(value_gain("cat", -4), layer.say(p, prompt));
}

TEST_CASE_FIXTURE(Reading, "regions read their prompts where they are, divided where they overlap") {
  const auto dog = reads(Scene::context("a dog")), snow = reads(Scene::context("snow")), base = reads(prompt);
  for (const double base_share : {0.0, 0.2}) {
    Matrix expected(base.rows, base.columns);
    for (int p = 0; p < base.rows; ++p) {
      const double sum = left(p) + top(p), inside = 1 - base_share, divisor = std::max(1.0, sum);
      for (int c = 0; c < base.columns; ++c)
        expected(p, c) = inside * (left(p) * dog(p, c) + top(p) * snow(p, c)) / divisor +
                         (1 - inside * std::min(1.0, sum)) * base(p, c);
    }
    check(regions({{"a dog", kLeft}, {"snow", kTop}}, base_share), expected);
  }
}

TEST_CASE_FIXTURE(Reading, "temperature divides the logits to the text") {
  const auto l = edited(layer.logits(x, prompt), [](double& v, int, int, int) { v /= 0.6; });
  check(temperature(0.6, AttentionKind::cross), layer.say(Layer::softmax(l), prompt));
}

TEST_CASE_FIXTURE(Looking, "temperature divides the logits to the picture, in a region by its share") {
  const auto warm = [&](int r) {
    const auto l = edited(layer.logits(scene.x[r], scene.x[r]), [](double& v, int, int, int) { v /= 1.7; });
    return layer.say(Layer::softmax(l), scene.x[r]);
  };
  check(temperature(1.7), warm);
  check(temperature(1.7).within(kLeft),
        [&](int r) { return blend(warm(r), looks(r), [](int p, int) { return left(p); }); });
}

TEST_CASE_FIXTURE(Looking, "attend: pixels of the region weigh the target's by 1 + t (scale - 1)") {
  check(attend(kLeft, 4).within(kTop),
        [&](int r) { return weighed(r, [](int pixel, int j) { return top(pixel) > 0 ? 1 + left(j) * 3 : 1; }); });
  check(attend(kTop, 0).within(kLeft), [&](int r) {
    const auto barred = weighed(r, [](int, int j) { return 1 - top(j); });
    return blend(barred, looks(r), [](int p, int) { return left(p); });
  });
}

TEST_CASE_FIXTURE(Looking, "smooth: (1 - s) P + s / N") {
  check(smooth(0.3), [&](int r) {
    const double n = scene.x[r].rows;
    return layer.say(edited(attention(r), [=](double& v, int, int, int) { v = 0.7 * v + 0.3 / n; }), scene.x[r]);
  });
}

TEST_CASE_FIXTURE(Looking, "share reads another image too, in one softmax, or instead") {
  check(share_image(0), [&](int r) {
    if (r == 0) return looks(0);
    const auto both = stacked(scene.x[1], scene.x[0]);
    return layer.say(Layer::softmax(layer.logits(scene.x[1], both)), both);
  });
  auto instead = share_image(0, Share::How::instead).within(kLeft).strength(0.8);
  check(instead, [&](int r) {
    if (r == 0) return looks(0);
    const auto other = layer.say(Layer::softmax(layer.logits(scene.x[1], scene.x[0])), scene.x[0]);
    return blend(other, looks(1), [](int p, int) { return 0.8 * left(p); });
  });
}

namespace {

/** own with the mean and the deviation of style, column by column. */
Matrix like(Matrix own, const Matrix& style) {
  const auto statistics = [](const Matrix& m, int c) {
    double mean = 0, square = 0;
    for (int p = 0; p < m.rows; ++p) mean += m(p, c) / m.rows;
    for (int p = 0; p < m.rows; ++p) square += (m(p, c) - mean) * (m(p, c) - mean) / (m.rows - 1);
    return std::pair(mean, std::sqrt(square + 1e-5));
  };
  for (int c = 0; c < own.columns; ++c) {
    const auto [mean, deviation] = statistics(own, c);
    const auto [other, others] = statistics(style, c);
    for (int p = 0; p < own.rows; ++p) own(p, c) = (own(p, c) - mean) / deviation * others + other;
  }
  return own;
}

/** What row 1 of Looking finds in itself and in row 0, by a share's numbers; align: queries and keys. */
Matrix beside(const Layer& layer, const Scene& scene, const Share& e) {
  const auto &own = scene.x[1], &other = scene.x[0];
  auto q = layer.queries(own), k = layer.keys(own), v = layer.values(own);
  if (e.align) q = like(q, layer.queries(other)), k = like(k, layer.keys(other));
  if (e.align_values) v = like(v, layer.values(other));
  const int size = layer.head_size();
  const auto keys = stacked(k, layer.keys(other)), values = stacked(v, layer.values(other));
  Matrix found(q.rows, q.columns);
  for (int h = 0; h < layer.site.heads; ++h) {
    Matrix logits(q.rows, keys.rows);
    for (int p = 0; p < q.rows; ++p)
      for (int t = 0; t < keys.rows; ++t) {
        const bool others = t >= k.rows;
        for (int c = h * size; c < (h + 1) * size; ++c)
          logits(p, t) += q(p, c) * keys(t, c) * (others ? e.gain_k.at(0) : 1) / std::sqrt(double(size));
        if (others) logits(p, t) += e.shift.at(0);
      }
    const auto p = Layer::softmax({logits})[0];
    for (int i = 0; i < q.rows; ++i)
      for (int t = 0; t < keys.rows; ++t)
        for (int c = h * size; c < (h + 1) * size; ++c)
          found(i, c) += p(i, t) * values(t, c) * (t >= k.rows ? e.gain_v.at(0) : 1);
  }
  return found;
}

}  // namespace

TEST_CASE_FIXTURE(Looking, "share: aligned, with values too, with gains and a shift of the other's, in a region") {
  for (const Share& e : {Share{.image = 0, .align = true}, Share{.image = 0, .align = true, .align_values = true},
                         Share{.image = 0, .gain_k = 1.5, .gain_v = -0.5, .shift = 0.7},
                         Share{.image = 0, .align = true, .shift = -2}}) {
    check(share(e), [&](int r) { return r == 0 ? looks(0) : beside(layer, scene, e); });
    check(share(e).within(kLeft).strength(0.8), [&](int r) {
      if (r == 0) return looks(0);
      return blend(beside(layer, scene, e), looks(1), [](int p, int) { return 0.8 * left(p); });
    });
  }
}

TEST_CASE("how near the single controls are") {
  MESSAGE("largest relative error ", largest_error);
  CHECK(largest_error <= kTolerance);
}
