// Prompt-to-prompt on one layer, against explicit attention matrices in double precision.
#include <cmath>
#include <doctest/doctest.h>

#include "scene.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

constexpr double kTolerance = 1e-5;
double largest_error = 0;

using Map = std::vector<std::vector<double>>;  // [77][77]: from the tokens of one text to those of another
using Method = PromptToPrompt::Method;

/** As long as the text and one to one but for `change`. */
Map map_of(const std::function<void(Map&)>& change) {
  Map map(77, std::vector<double>(77));
  change(map);
  return map;
}

/** "a red cat in a park" (cat: 3) -> "a red crocodile in a park" (3, 4), word by word. */
const std::string kReplaced = "a red crocodile in a park";
const Map kReplacement = map_of([](Map& m) {
  for (int i = 0; i < 77; ++i) m[i][i < 3 ? i : std::min(i + 1, 76)] = 1;
  m[3][4] = m[3][3] = 0.5;
});
/** -> "a red fluffy cat in a park": the new word, at 3, has no partner. */
const std::string kRefined = "a red fluffy cat in a park";
const Map kRefinement = map_of([](Map& m) {
  for (int j = 0; j < 77; ++j)
    if (j != 3) m[j < 3 || j > 8 ? j : j - 1][j] = 1;
});

Heads mapped(const Heads& p, const Map& map) {
  Heads q;
  for (const auto& head : p) {
    q.emplace_back(head.rows, 77);
    for (int r = 0; r < head.rows; ++r)
      for (int i = 0; i < 77; ++i)
        for (int j = 0; j < 77; ++j) q.back()(r, j) += head(r, i) * map[i][j];
  }
  return q;
}

Heads sum(Heads a, const Heads& b) {
  return edited(std::move(a), [&](double& v, int h, int r, int j) { v += b[h](r, j); });
}

/** s_j q_j / Z: what a row of q leaves out of 1 weighs 1. */
Heads weighed(const Heads& q, const std::function<double(int)>& weight) {
  auto out = q;
  for (auto& head : out)
    for (int r = 0; r < head.rows; ++r) {
      double z = 1;
      for (int j = 0; j < head.columns; ++j) z += head(r, j) * (weight(j) - 1);
      for (int j = 0; j < head.columns; ++j) head(r, j) *= weight(j) / z;
    }
  return out;
}

int column(int pixel) {
  return pixel % Scene::kWidth;
}
const Region kLeft = rectangle(0, 0, 0.5, 1);
double left(int pixel) {
  return column(pixel) < 3 ? 1 : column(pixel) == 3 ? 0.5 : 0;
}

/** Two images with guidance: rows u0, u1, c0, c1. The second's are edited; all others must stay. */
struct Edited {
  Scene scene{{.batch = 2, .heads = 3, .channels = 24, .seed = 77}};
  Matrix base = Scene::context("a red cat in a park");
  const Matrix &x0 = scene.x[2], &x1 = scene.x[3];

  static corepulse::Control edit(const std::string& prompt, Method method, Curve cross = 1,
                                 std::vector<WordEdit> words = {}, Curve self = 1) {
    return {.effect = PromptToPrompt{prompt, 0, method, std::move(cross), std::move(words), std::move(self), 256}};
  }
  Heads attention(const Matrix& x, const Matrix& e, bool cross = true) const {
    return Layer::softmax(scene.layer(cross).logits(x, e));
  }
  Matrix said(const Heads& p, const Matrix& e, bool cross = true) const { return scene.layer(cross).say(p, e); }

  void check(const std::vector<corepulse::Control>& controls, const Matrix& expected, bool cross = true) const {
    const auto found = scene.run(controls, cross), plain = scene.run({}, cross);
    for (size_t r = 0; r < 3; ++r) CHECK(found[r].values == plain[r].values);
    const std::vector<Matrix> wanted{scene.layer(cross).out(expected)};
    const double error = relative_error({found[3]}, wanted);
    CHECK(error <= kTolerance);
    CHECK(relative_error({plain[3]}, wanted) > 0.03);
    largest_error = std::max(largest_error, error);
  }
};

/** Keeps the maps of row 3. */
class Maps : public attention::Observer {
 public:
  explicit Maps(const control::Program& program) : program_(program) {}
  std::optional<attention::Watch> watch(int capture, const control::Step&, const control::Row& row) const override {
    if (row != control::Row{1, control::kPrompt}) return {};
    return attention::Watch{program_.captures()[capture].positions, heads_};
  }
  void record(int, const control::Step&, const control::Row&, const control::Site&,
              const std::vector<double>& map) override {
    maps.push_back(map);
  }
  std::vector<std::vector<double>> maps;

 private:
  const control::Program& program_;
  std::vector<int> heads_;
};

}  // namespace

TEST_CASE_FIXTURE(Edited,
                  "replace: the other image's attention goes to this prompt's words, one word's to all of its") {
  const auto text = Scene::context(kReplaced);
  const auto theirs = said(mapped(attention(x0, base), kReplacement), text), own = said(attention(x1, text), text);
  const auto& layer = scene.cross;
  check({edit(kReplaced, Method::replace)}, theirs);
  check({edit(kReplaced, Method::replace, 0)}, own);
  check({edit(kReplaced, Method::replace, 0.6)}, blend(theirs, own, [](int, int) { return 0.6; }));
  check({edit(kReplaced, Method::replace, {{0, 0}, {1, 1}})}, blend(theirs, own, [](int, int) { return 0.5; }));
  check({edit(kReplaced, Method::replace).within(kLeft).for_heads({0, 2})},
        blend(theirs, own, [&](int p, int channel) { return channel / layer.head_size() == 1 ? 0 : left(p); }));
  check({edit(kReplaced, Method::replace).steps(0, 1)}, own);
}

TEST_CASE_FIXTURE(Edited, "refine: words that stay take the other image's attention, new ones their own") {
  const auto text = Scene::context(kRefined);
  const auto own = attention(x1, text), theirs = mapped(attention(x0, base), kRefinement);
  const auto mixed = [&](double cross) {
    return edited(theirs, [&](double& v, int h, int r, int j) {
      v = j == 3 ? own[h](r, j) : cross * v + (1 - cross) * own[h](r, j);
    });
  };
  check({edit(kRefined, Method::refine)}, said(mixed(1), text));
  check({edit(kRefined, Method::refine, 0.25)}, said(mixed(0.25), text));
  check({edit(kRefined, Method::refine).within(kLeft)},
        blend(said(mixed(1), text), said(own, text), [](int p, int) { return left(p); }));
}

TEST_CASE_FIXTURE(Edited, "words have their own share, of all their tokens, in a region and by some heads too") {
  const auto text = Scene::context(kReplaced);
  const auto own = attention(x1, text), theirs = mapped(attention(x0, base), kReplacement);
  const auto taken = [](int j) { return j == 3 || j == 4 ? 0.3 : j == 7 ? 0.0 : 0.8; };
  const auto mixed =
      edited(theirs, [&](double& v, int h, int r, int j) { v = taken(j) * v + (1 - taken(j)) * own[h](r, j); });
  const std::vector<WordEdit> words{{"crocodile", 0.3}, {"park", 0}};
  check({edit(kReplaced, Method::replace, 0.8, words)}, said(mixed, text));
  check({edit(kReplaced, Method::replace, 0.8, words).within(kLeft).for_heads({1})},
        blend(said(mixed, text), said(own, text),
              [&](int p, int channel) { return channel / scene.cross.head_size() == 1 ? left(p) : 0; }));
}

TEST_CASE_FIXTURE(Edited, "self: what the other image looks at, said by this one, in small enough layers") {
  const auto theirs = said(attention(x0, x0, false), x1, false), own = said(attention(x1, x1, false), x1, false);
  check({edit(kReplaced, Method::replace)}, theirs, false);
  check({edit(kReplaced, Method::replace, 1, {}, 0.4).within(kLeft)},
        blend(theirs, own, [](int p, int) { return 0.4 * left(p); }), false);
  auto large = edit(kReplaced, Method::replace);
  std::get<PromptToPrompt>(large.effect).self_tokens = Scene::kHeight * Scene::kWidth - 1;
  CHECK(scene.run({large}, false)[3].values == scene.run({}, false)[3].values);
}

TEST_CASE_FIXTURE(Edited, "rows uncond: the negative rows take each other's attention, to their own text") {
  const auto negative = Scene::context(scene.inputs.negative_prompt);
  const auto found = scene.run({edit(kReplaced, Method::replace).on(Rows::uncond)}, true);
  CHECK(relative_error({found[1]}, {scene.cross.out(said(attention(scene.x[0], negative), negative))}) <= kTolerance);
  const auto text = Scene::context(kReplaced);
  CHECK(relative_error({found[3]}, {scene.cross.out(said(attention(x1, text), text))}) <= kTolerance);
}

TEST_CASE_FIXTURE(Edited, "edits of words behind it: gains and weights of what the mapped attention is to") {
  const auto text = Scene::context(kReplaced);
  const auto theirs = mapped(attention(x0, base), kReplacement);
  const auto replace = edit(kReplaced, Method::replace);
  const auto crocodile = [](int j) { return j == 3 || j == 4; };
  const auto gained = edited(theirs, [&](double& v, int, int, int j) { v *= crocodile(j) ? -2 : 1; });
  check({replace, value_gain("crocodile", -2).for_images({1})}, said(gained, text));
  const auto nine = weighed(theirs, [&](int j) { return crocodile(j) ? 9 : 1; });
  check({replace, reweight("crocodile", 9).for_images({1})}, said(nine, text));
  check({replace, reweight("crocodile", 9).for_images({1}).within(kLeft)},
        blend(said(nine, text), said(theirs, text), [](int p, int) { return left(p); }));
  check({replace, mask_tokens("crocodile").for_images({1})},
        said(weighed(theirs, [&](int j) { return crocodile(j) ? 0 : 1; }), text));
  // One of the two tokens that share a word's attention.
  const auto both =
      weighed(weighed(theirs, [&](int j) { return crocodile(j) ? 4 : 1; }), [](int j) { return j == 7 ? 0.1 : 1; });
  const auto all = edited(both, [](double& v, int, int, int j) { v *= j == 2 ? 3 : 1; });
  check({replace, reweight("crocodile", 4).for_images({1}), reweight("park", 0.1).for_images({1}),
         value_gain("red", 3).for_images({1})},
        said(all, text));
}

TEST_CASE_FIXTURE(Edited, "edits of words behind a refinement reach both its parts") {
  const auto text = Scene::context(kRefined);
  const auto own = edited(attention(x1, text), [](double& v, int, int, int j) { v *= j == 3 ? 1 : 0; });
  const auto theirs = mapped(attention(x0, base), kRefinement);
  const auto refine = edit(kRefined, Method::refine);
  const auto weight = [](int j) { return j == 3 ? 6.0 : j == 4 ? 0.2 : 1; };
  check({refine, reweight("fluffy", 6).for_images({1}), reweight("cat", 0.2).for_images({1})},
        said(sum(weighed(own, weight), weighed(theirs, weight)), text));
  const auto gained = edited(sum(own, theirs), [](double& v, int, int, int j) { v *= j == 3 ? 3 : j == 4 ? -1 : 1; });
  check({refine, value_gain("fluffy", 3).for_images({1}), value_gain("cat", -1).for_images({1})}, said(gained, text));
}

TEST_CASE_FIXTURE(Edited, "an injection before or behind it keeps its share") {
  const auto text = Scene::context(kReplaced), dragon = Scene::context("a dragon");
  const auto theirs = said(mapped(attention(x0, base), kReplacement), text);
  const auto injected = said(attention(x1, dragon), dragon);
  const auto expected = blend(injected, theirs, [](int p, int) { return 0.4 * left(p); });
  const auto inject_it = inject("a dragon").strength(0.4).within(kLeft).for_images({1});
  check({edit(kReplaced, Method::replace), inject_it}, expected);
  check({inject_it, edit(kReplaced, Method::replace)}, expected);
}

TEST_CASE_FIXTURE(Edited, "a capture sees the mapped attention to this prompt's words") {
  const auto maps = [&](std::vector<corepulse::Control> controls) {
    controls.push_back(capture("crocodile"));
    const auto program = control::Program::resolve(controls, scene.inputs);
    std::vector<mx::array> texts;
    for (const auto& context : Scene::contexts(program.texts())) texts.push_back(to_array({context}));
    attention::RunCache cache;
    Maps seen(program);
    scene.cross.fused(scene.x, {program, scene.step, texts, cache, {.observer = &seen}});
    return seen.maps.at(0);
  };
  const auto text = Scene::context(kReplaced);
  const auto own = attention(x1, text), theirs = mapped(attention(x0, base), kReplacement);
  const auto expect = [&](const std::vector<double>& map, const Heads& p) {
    for (int pixel = 0; pixel < p[0].rows; ++pixel) {
      double looked = 0;
      for (const auto& head : p) looked += (head(pixel, 3) + head(pixel, 4)) / static_cast<double>(p.size());
      CHECK(std::abs(map.at(pixel) - looked) <= 1e-6);
    }
  };
  const auto replace = edit(kReplaced, Method::replace);
  expect(maps({replace}), theirs);
  expect(maps({replace, value_gain("crocodile", 5).for_images({1})}), theirs);
  expect(maps({replace, reweight("crocodile", 5).for_images({1})}),
         weighed(theirs, [](int j) { return j == 3 || j == 4 ? 5 : 1; }));
  const auto mixed = edited(theirs, [&](double& v, int h, int r, int j) {
    if (j == 3 || j == 4) v = 0.3 * v + 0.7 * own[h](r, j);
  });
  expect(maps({edit(kReplaced, Method::replace, 1, {{"crocodile", 0.3}})}), mixed);
}

TEST_CASE("how near prompt-to-prompt is") {
  MESSAGE("largest relative error ", largest_error);
  CHECK(largest_error <= kTolerance);
}
