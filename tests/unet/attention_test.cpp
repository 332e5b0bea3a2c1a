// Attention does what its plan says, and nothing else.
#include <doctest/doctest.h>

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;
using control::AttentionPlan;
using control::Reading;
using control::Site;
using control::Source;
using control::Step;
using control::Values;

namespace {

Values values(std::vector<float> v) {
  return std::make_shared<const std::vector<float>>(std::move(v));
}
Reading text(int id) {
  Reading reading;
  reading.sources = {{Source::Kind::text, id}};
  return reading;
}
/** Row 1 (conditional) of every cross-attention call gets these readings. */
EditedControl conditional(std::function<std::vector<Reading>(int tokens)> readings, int height, int width) {
  return EditedControl([=](AttentionPlan& plan, const Site& site, const Step&) {
    if (site.cross) plan.rows[1] = readings(control::grid(site, height, width).tokens());
  });
}

struct Fixture {
  Golden golden{"small"};
  unet::UNet unet = tiny_unet("small");
  Case c{golden, 0};
  int h = c.x.shape(1), w = c.x.shape(2);
  mx::array plain = c.run(unet, PlainControl());
  mx::array run(const control::Control& control) { return c.run(unet, control); }
  mx::array swapped() {  // the conditional row reads text 1
    return run(conditional([](int) { return std::vector{text(1)}; }, h, w));
  }
};

std::vector<float> every_other(int tokens, float left, float right) {
  std::vector<float> share(tokens);
  for (int i = 0; i < tokens; ++i) share[i] = i % 2 ? left : right;
  return share;
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "a plan that reads each row's own source is the plain run, bit for bit") {
  CHECK(same_bits(run(EditedControl([](auto&, auto&, auto&) {})), plain));
}

TEST_CASE_FIXTURE(Fixture, "reading another text at every site equals a run with that text, bit for bit") {
  const auto injected = swapped();
  std::swap(c.texts[0], c.texts[1]);
  const auto other = run(EditedControl([](AttentionPlan& plan, const Site& site, const Step&) {
    if (site.cross) plan.rows[0] = {text(0)};  // keep the unconditional row as it was
  }));
  CHECK(same_bits(injected, other));
  CHECK_FALSE(same_bits(injected, plain));
}

TEST_CASE_FIXTURE(Fixture, "shares of one and zero compute what a whole reading computes, bit for bit") {
  const auto all = run(conditional(
      [](int n) {
        auto a = text(1), b = text(0);
        a.share = values(std::vector<float>(n, 1.f)), a.share_pixels = n;
        b.share = values(std::vector<float>(n, 0.f)), b.share_pixels = n;
        return std::vector{a, b};
      },
      h, w));
  CHECK(same_bits(all, swapped()));
}

TEST_CASE_FIXTURE(Fixture, "binary shares give the same bits in either order, and as soft shares within 1e-5") {
  const auto halves = [&](bool turned, bool soft) {
    return run(conditional(
        [=](int n) {
          auto a = text(1), b = text(0);
          a.share = values(every_other(n, 1, 0)), a.share_pixels = n;
          b.share = values(every_other(n, 0, 1)), b.share_pixels = n;
          if (soft) {  // a third reading with nothing in it switches the partition off
            auto empty = text(0);
            empty.share = values({0.f}), empty.share_pixels = 1;
            return std::vector{a, b, empty};
          }
          return turned ? std::vector{b, a} : std::vector{a, b};
        },
        h, w));
  };
  CHECK(same_bits(halves(false, false), halves(true, false)));
  CHECK(relative_error(halves(false, true), halves(false, false)) <= 1e-5);
  CHECK_FALSE(same_bits(halves(false, false), plain));
}

TEST_CASE_FIXTURE(Fixture, "neutral numbers are near the plain run: gains 1, bias 0, temperature 1, equal readings") {
  const auto edited = run(conditional(
      [](int) {
        auto a = text(0), b = text(0);
        a.key_gain = a.value_gain = values(std::vector<float>(77, 1.f));
        a.bias = values(std::vector<float>(77, 0.f));
        a.share = values({0.25f}), b.share = values({0.75f});
        return std::vector{a, b};
      },
      h, w));
  CHECK(relative_error(edited, plain) <= 1e-5);
}

TEST_CASE_FIXTURE(Fixture, "shares per head: all heads of one reading equal that reading") {
  const auto edited = run(EditedControl([](AttentionPlan& plan, const Site& site, const Step&) {
    if (!site.cross) return;
    auto a = text(1), b = text(0);
    a.share = values(std::vector<float>(site.heads, 1.f)), a.share_heads = site.heads;
    b.share = values(std::vector<float>(site.heads, 0.f)), b.share_heads = site.heads;
    plan.rows[1] = {a, b};
  }));
  CHECK(relative_error(edited, swapped()) <= 1e-5);
}

TEST_CASE_FIXTURE(Fixture, "a masked key is as if it were not there: changing its value changes nothing") {
  const auto masked = [&] {
    return run(conditional(
        [](int) {
          auto a = text(0);
          std::vector<float> bias(77, 0.f);
          bias[2] = -INFINITY;
          a.bias = values(bias);
          return std::vector{a};
        },
        h, w));
  };
  const auto before = masked();
  std::vector<float> factors(77, 1.f);
  factors[2] = 5;
  c.texts[0] = c.texts[0] * mx::array(factors.begin(), {1, 77, 1}, mx::float32);
  CHECK(same_bits(masked(), before));
  CHECK_FALSE(same_bits(run(PlainControl()), plain));
}

TEST_CASE_FIXTURE(Fixture, "an infinite temperature reads the mean of the values: all keys alike") {
  const auto smooth = [&](bool shuffled) {
    if (shuffled) {  // the mean does not know the order of the tokens
      std::vector<int> order(77);
      for (int i = 0; i < 77; ++i) order[i] = 76 - i;
      c.texts[0] = mx::take(c.texts[0], mx::array(order.begin(), {77}), 1);
    }
    return run(conditional(
        [](int) {
          auto a = text(0);
          a.temperature = INFINITY;
          return std::vector{a};
        },
        h, w));
  };
  const auto before = smooth(false);
  CHECK(relative_error(smooth(true), before) <= 1e-5);
}

TEST_CASE_FIXTURE(Fixture, "self-attention can read another row's picture with its own, as one softmax") {
  const auto edit = [&](std::vector<Source> sources) {
    return run(EditedControl([=](AttentionPlan& plan, const Site& site, const Step&) {
      if (!site.cross) plan.rows[1][0].sources = sources;
    }));
  };
  CHECK(same_bits(edit({{Source::Kind::image, 0}}), plain));  // its own row under its other name
  CHECK(relative_error(edit({{Source::Kind::own, 0}, {Source::Kind::own, 0}}), plain) <= 1e-5);
}
