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
