// The UNet computes what Diffusers computes, for every family.
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

TEST_CASE("a call equals Diffusers' within 1e-4, at every timestep, prompt and size") {
  for (const std::string family : {"sd1", "sd2", "sd2v", "sdxl", "inpaint", "small", "builtin"}) {
    const Golden golden(family);
    const auto unet = tiny_unet(family);
    int cases = 0;
    for (; golden.has("unet/" + std::to_string(cases) + "/x"); ++cases) {
      CAPTURE(family);
      CAPTURE(cases);
      const Case c(golden, cases);
      CHECK(relative_error(c.run(unet, PlainControl()), c.out) <= 1e-4);
    }
    CHECK(cases >= 3);
  }
}

TEST_CASE("UNets with parts taken out compute what Diffusers computes within 1e-4") {
  const Golden golden("shapes");
  for (const std::string shape :
       {"ssd_1b", "vega", "koala_700m", "koala_1b", "bk_base", "bk_small", "bk_tiny", "sdxs", "uneven"}) {
    CAPTURE(shape);
    const auto unet = load_unet(test::golden_folder() + "/shapes/" + shape, mx::float32);
    for (int n = 0; n < 2; ++n)
      CHECK(relative_error(Case(golden, n, shape + "/").run(unet, PlainControl()), Case(golden, n, shape + "/").out) <=
            1e-4);
  }
}

TEST_CASE("another prompt moves the output by a tenth or more: broken text could not pass") {
  for (const std::string family : {"sd1", "sd2", "sdxl", "small"}) {
    const Golden golden(family);
    const auto unet = tiny_unet(family);
    Case c(golden, 1);
    const auto before = c.run(unet, PlainControl());
    std::swap(c.texts[0], c.texts[1]);
    CAPTURE(family);
    CHECK(relative_error(c.run(unet, PlainControl()), before) >= 0.1);
  }
}

TEST_CASE("a row's output is the same bits whatever the other row reads") {
  const Golden golden("small");
  const auto unet = tiny_unet("small");
  Case c(golden, 0);
  const auto before = c.run(unet, PlainControl());
  c.texts[0] = c.texts[0] * like(2, c.texts[0]);
  const auto after = c.run(unet, PlainControl());
  const auto row = [](const mx::array& y, int r) {
    return mx::slice(y, {r, 0, 0, 0}, {r + 1, y.shape(1), y.shape(2), y.shape(3)});
  };
  CHECK(same_bits(row(before, 0), row(after, 0)));
  CHECK_FALSE(same_bits(row(before, 1), row(after, 1)));
}

TEST_CASE("inputs that are given another call's arrays, one by one, make that call: a recording can be fed") {
  for (const std::string family : {"small", "sdxl"}) {
    const Golden golden(family);
    const auto unet = tiny_unet(family);
    const Case first(golden, 0);
    Case second = first;
    second.x = first.x * like(2, first.x), second.step.t = first.step.t / 2;
    if (second.added) {
      second.added->pooled = second.added->pooled * like(2, second.added->pooled);
      for (auto& ids : second.added->time_ids) ids[0] += 64;
    }
    attention::RunCache cache;
    const PlainControl control;
    const attention::Pass pass{control, second.step, first.texts, cache};
    auto inputs = unet.inputs(first.x, {control, first.step, first.texts, cache}, first.added);
    auto others = unet.inputs(second.x, pass, second.added);
    std::vector<mx::array> arrays;
    each(others, [&](const mx::array& x) { arrays.push_back(x); });
    size_t i = 0;
    each(inputs, [&](mx::array& x) { x = arrays.at(i++); });
    CAPTURE(family);
    CHECK(arrays.size() == (first.added ? 4 : 2));
    CHECK(same_bits(unet(inputs, pass), second.run(unet, control)));
    CHECK_FALSE(same_bits(unet(inputs, pass), first.run(unet, control)));
  }
}
