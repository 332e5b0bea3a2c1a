// Perturbed rows, blurred queries, what is done after all readings and what stands beside them: on one layer, against
// explicit attention matrices in double precision.
#include <cmath>
#include <doctest/doctest.h>

#include "attention/finish.h"
#include "blurred.h"
#include "io/json.h"
#include "scene.h"
#include "support/golden.h"
#include "support/plain_control.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr double kTolerance = 1e-5;
double largest_error = 0;

const Region kLeft = rectangle(0, 0, 0.5, 1);
double left(int pixel) {
  const int column = pixel % Scene::kWidth;
  return column < 3 ? 1 : column == 3 ? 0.5 : 0;
}

double error_between(const std::vector<Matrix>& a, const std::vector<Matrix>& b) {
  return relative_error(a, b);
}

control::Values values(const std::vector<double>& numbers) {
  return std::make_shared<const std::vector<float>>(numbers.begin(), numbers.end());
}

/** A golden [heads, N, D] as [N, heads * D]. */
Matrix tokens_of(const Golden& golden, const std::string& name) {
  const auto x = to_matrices(golden.array(name));
  Matrix all(x[0].rows, static_cast<int>(x.size()) * x[0].columns);
  for (int h = 0; h < static_cast<int>(x.size()); ++h)
    for (int r = 0; r < all.rows; ++r)
      for (int d = 0; d < x[h].columns; ++d) all(r, h * x[h].columns + d) = x[h](r, d);
  return all;
}

}  // namespace

TEST_CASE("a perturbed row looks at itself token by token, or asks with blurred queries; all others stay") {
  Scene scene({.heads = 2, .channels = 40, .seed = 9});
  const auto plain = scene.run({}, false);
  scene.step.rows.push_back({0, control::kWithoutPicture + 1});
  scene.x.push_back(Scene({.heads = 2, .channels = 40, .seed = 10}).x[0]);
  const auto& x = scene.x[2];
  const auto& layer = scene.self;
  const auto own = layer.say(Layer::softmax(layer.logits(x, x)), x);
  const auto check = [&](corepulse::Control control, const Matrix& expected) {
    const auto found = scene.run({control}, false);
    for (size_t r = 0; r < 2; ++r) CHECK(error_between({found[r]}, {plain[r]}) <= 1e-6);
    const double error = error_between({found[2]}, {layer.out(expected)});
    CHECK(error <= kTolerance);
    CHECK(error_between({layer.out(own)}, {layer.out(expected)}) > 0.03);
    largest_error = std::max(largest_error, error);
  };
  const auto identity = layer.values(x);
  check(guide_by(GuideBy::Perturb::identity), identity);
  check(guide_by(GuideBy::Perturb::identity).within(kLeft).for_heads({1}),
        blend(identity, own, [&](int p, int channel) { return channel / layer.head_size() == 1 ? left(p) : 0; }));
  // All that its prompt's row has, then its perturbation.
  check(guide_by(GuideBy::Perturb::identity), identity);
  const control::Grid grid{Scene::kHeight, Scene::kWidth};
  for (const std::optional<double> sigma : {std::optional<double>(), {0.7}, {2.5}, {60.0}}) {
    const auto q = blurred(layer.queries(x), sigma ? control::gaussian_blur(grid, *sigma) : control::mean_blur(grid));
    const auto k = layer.keys(x);
    Heads p(layer.site.heads, Matrix(x.rows, x.rows));
    for (int h = 0; h < layer.site.heads; ++h)
      for (int r = 0; r < x.rows; ++r)
        for (int j = 0; j < x.rows; ++j) {
          for (int d = h * layer.head_size(); d < (h + 1) * layer.head_size(); ++d) p[h](r, j) += q(r, d) * k(j, d);
          p[h](r, j) /= std::sqrt(layer.head_size());
        }
    const auto smooth = layer.say(Layer::softmax(p), x);
    corepulse::Control blur{.effect = GuideBy{GuideBy::Perturb::blur, 3, sigma}};
    check(blur, smooth);
    check(blur.within(kLeft), blend(smooth, own, [](int pixel, int) { return left(pixel); }));
  }
}

TEST_CASE("a perturbed row has all of its prompt's row's plan") {
  Scene scene({.heads = 2, .channels = 40, .seed = 9});
  const auto plain = scene.run({}, true);
  scene.step.rows.push_back({0, control::kWithoutPicture + 5});
  scene.x.push_back(scene.x[1]);
  const std::vector<corepulse::Control> controls{inject("a dragon").strength(0.5), temperature(2),
                                                 normalized_guidance("snow"), reweight("cat", 4), guide_by({})};
  auto perturbed = scene.run(controls, true);
  CHECK(perturbed[2].values == perturbed[1].values);
  CHECK(error_between({perturbed[2]}, {plain[1]}) > 0.03);
  // On half of the picture it looks as its prompt's row does on the other half.
  auto half = controls;
  half.back() = guide_by({}).within(kLeft);
  const auto self = scene.run(half, false);
  for (int p = 0; p < self[2].rows; ++p)
    for (int c = 0; c < self[2].columns; ++c)
      if (left(p) == 0) CHECK(self[2](p, c) == doctest::Approx(self[1](p, c)).epsilon(1e-4));
}

TEST_CASE("blurred queries are the formula's at square and other grids, with finite and infinite blurs") {
  const Golden golden("seg");
  for (const auto& [height, width] : {std::pair{8, 8}, {5, 12}, {12, 5}, {2, 3}, {1, 7}})
    for (const std::string sigma : {"1", "3", "inf"}) {
      const auto name = "op/" + std::to_string(height) + "x" + std::to_string(width) + "/";
      CAPTURE(name);
      CAPTURE(sigma);
      const auto q = tokens_of(golden, name + "q"), k = tokens_of(golden, name + "k"),
                 v = tokens_of(golden, name + "v");
      const control::Grid grid{height, width};
      const auto blur = sigma == "inf" ? control::mean_blur(grid) : control::gaussian_blur(grid, std::stod(sigma));
      CHECK(error_between({blurred(q, blur)}, {tokens_of(golden, name + sigma + "/blurred")}) <= 1e-6);

      // Six heads of 8: q, k and v stand side by side in what the layer is given, and are projected to the first two.
      const auto part = [](int first) {
        Matrix m(48, 48);
        for (int i = 0; i < 16; ++i) m(i, first + i) = 1;
        return m;
      };
      Matrix out(48, 48), x(q.rows, 48);
      for (int i = 0; i < 48; ++i) out(i, i) = 1;
      for (int r = 0; r < q.rows; ++r)
        for (int c = 0; c < 16; ++c) x(r, c) = q(r, c), x(r, 16 + c) = k(r, c), x(r, 32 + c) = v(r, c);
      control::Site site;
      site.heads = 6, site.cross = false, site.path = "attn1";
      const Layer layer(site, {part(0), part(16), part(32), out, Matrix(1, 48)});
      const EditedControl control([&](control::AttentionPlan& plan, const control::Site&, const control::Step&) {
        plan.rows[0][0].blur = control::Blur{values(blur.down), values(blur.across), blur.down_rows, blur.across_rows};
      });
      control::Step step;
      step.rows = {{0, control::kPrompt}};
      attention::RunCache cache;
      const std::vector<mx::array> texts;
      const auto whole = layer.fused({x}, {control, step, texts, cache});
      Matrix found(q.rows, 16);
      for (int r = 0; r < q.rows; ++r)
        for (int c = 0; c < 16; ++c) found(r, c) = whole[0](r, c);
      const double error = error_between({found}, {tokens_of(golden, name + sigma + "/out")});
      CHECK(error <= kTolerance);
      largest_error = std::max(largest_error, error);
    }
}

TEST_CASE("the finish of normalised guidance is its authors', also where nothing or the same is read") {
  const Golden golden("nag");
  const auto z = mx::expand_dims(golden.array("op/positive"), 0), n = mx::expand_dims(golden.array("op/negative"), 0);
  const auto ops = io::parse_json(golden.metadata().at("ops"), "ops");
  for (const auto& [name, numbers] : ops.items()) {
    CAPTURE(name);
    attention::RunCache cache;
    const control::Finish finish{.scale = numbers[0].get<float>(),
                                 .limit = numbers[1].get<float>(),
                                 .share = values({numbers[2].get<double>()})};
    const auto found = mx::squeeze(attention::finished(z, n, finish, cache), 0);
    CHECK(relative_error(found, golden.array("op/" + name + "/out")) <= 1e-6);
  }
}

TEST_CASE("normalised guidance acts after all readings, by a share of pixels, one control after the other") {
  const Scene scene({.batch = 2, .seed = 3});
  const auto& layer = scene.cross;
  const auto reads = [&](int row, const std::string& text) {
    const auto e = Scene::context(text);
    return layer.say(Layer::softmax(layer.logits(scene.x[row], e)), e);
  };
  const auto finished = [&](const Matrix& z, const Matrix& n, double scale, double limit,
                            const std::function<double(int)>& share) {
    auto out = z;
    for (int p = 0; p < z.rows; ++p) {
      double before = 0, after = 0;
      for (int c = 0; c < z.columns; ++c)
        before += std::abs(z(p, c)), after += std::abs(z(p, c) + scale * (z(p, c) - n(p, c)));
      const double factor = after > limit * before ? limit * before / after : 1;
      for (int c = 0; c < z.columns; ++c)
        out(p, c) += share(p) * (factor * (z(p, c) + scale * (z(p, c) - n(p, c))) - z(p, c));
    }
    return out;
  };
  const auto check = [&](const std::vector<corepulse::Control>& controls, const Matrix& expected) {
    const auto found = scene.run(controls, true), plain = scene.run({}, true);
    CHECK(found[0].values == plain[0].values);
    CHECK(found[1].values == plain[1].values);
    const double error = error_between({found[2]}, {layer.out(expected)});
    CHECK(error <= kTolerance);
    CHECK(error_between({plain[2]}, {layer.out(expected)}) > 0.03);
    largest_error = std::max(largest_error, error);
  };
  const std::string prompt = scene.inputs.prompt;
  const auto whole = [](double share) { return [=](int) { return share; }; };
  const auto one = finished(reads(2, prompt), reads(2, "the park"), 2, 2.5, whole(0.5));
  check({normalized_guidance()}, one);
  corepulse::Control strong{.effect = NormalizedGuidance{"snow", 6, 1.2, 0.7}};
  const auto clamped = finished(reads(2, prompt), reads(2, "snow"), 6, 1.2, whole(0.7));
  check({strong}, clamped);
  check({strong.within(kLeft)},
        finished(reads(2, prompt), reads(2, "snow"), 6, 1.2, [](int p) { return 0.7 * left(p); }));
  check({strong, normalized_guidance()}, finished(clamped, reads(2, "the park"), 2, 2.5, whole(0.5)));
  const auto mixed = blend(reads(2, "a dragon"), reads(2, prompt), [](int p, int) { return left(p); });
  const auto behind = finished(mixed, reads(2, "snow"), 6, 1.2, whole(0.7));
  check({strong, inject("a dragon").within(kLeft)}, behind);
  check({inject("a dragon").within(kLeft), strong}, behind);
}

TEST_CASE("an added reading stands beside those that share, with a weight by pixel and head") {
  const Scene scene({.batch = 1, .guided = false, .seed = 4});
  const auto& layer = scene.cross;
  const auto prompt = Scene::context(scene.inputs.prompt), other = Scene::context("a dragon");
  std::vector<double> share;
  for (int h = 0; h < layer.site.heads; ++h)
    for (int p = 0; p < scene.x[0].rows; ++p) share.push_back(0.1 * h - 0.02 * p);
  control::Reading added;
  added.sources = {{control::Source::Kind::text, 1}};
  added.share = values(share), added.share_heads = layer.site.heads, added.share_pixels = scene.x[0].rows;
  added.added = true;
  const EditedControl control(
      [&](control::AttentionPlan& plan, const control::Site&, const control::Step&) { plan.rows[0].push_back(added); });
  attention::RunCache cache;
  const std::vector<mx::array> texts{to_array({prompt}), to_array({other})};
  auto expected = layer.say(Layer::softmax(layer.logits(scene.x[0], prompt)), prompt);
  const auto beside = layer.say(Layer::softmax(layer.logits(scene.x[0], other)), other);
  for (int p = 0; p < expected.rows; ++p)
    for (int c = 0; c < expected.columns; ++c)
      expected(p, c) += share[size_t(c / layer.head_size()) * expected.rows + p] * beside(p, c);
  CHECK(error_between(layer.fused(scene.x, {control, scene.step, texts, cache}), {layer.out(expected)}) <= kTolerance);
}

TEST_CASE("a reading that asks and says what it is given anyway is the plain one, bit for bit") {
  for (const bool cross : {true, false}) {
    const Scene scene({.batch = 2, .seed = 8});
    const EditedControl explicit_control([&](control::AttentionPlan& plan, const control::Site&, const control::Step&) {
      for (auto& row : plan.rows) {
        row[0].query = control::Source{control::Source::Kind::own, 0};
        row[0].values = row[0].sources;
      }
    });
    const std::vector<mx::array> texts{to_array({Scene::context(scene.inputs.prompt)}),
                                       to_array({Scene::context(scene.inputs.negative_prompt)})};
    attention::RunCache cache, plain_cache;
    const auto found = scene.layer(cross).fused(scene.x, {explicit_control, scene.step, texts, cache});
    const auto plain = scene.layer(cross).fused(scene.x, {PlainControl(), scene.step, texts, plain_cache});
    for (size_t r = 0; r < plain.size(); ++r) CHECK(found[r].values == plain[r].values);
  }
}

TEST_CASE("how near perturbed and finished readings are") {
  MESSAGE("largest relative error ", largest_error);
  CHECK(largest_error <= kTolerance);
}
