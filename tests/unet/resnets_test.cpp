// What resnets add to the picture: whose it is, who sees it, and that the plain path has its bits.
#include "unet/resnets.h"

#include <doctest/doctest.h>

#include "mlx/random.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

bool same(const mx::array& a, const mx::array& b) {
  return mx::array_equal(a, b).item<bool>();
}

double error(const mx::array& a, const mx::array& b) {
  auto difference = mx::max(mx::abs(a - b)), size = mx::max(mx::abs(b));
  return difference.item<float>() / size.item<float>();
}

/** Keeps what a resnet adds, and puts something else in its place. */
struct Looking : attention::Probe {
  int place = 0;
  std::optional<mx::array> seen, instead;

  bool wants(attention::Point point, int at, const control::Step&) const override {
    return point == attention::Point::resnet && at == place;
  }
  mx::array see(attention::Point, int, const control::Step&, const mx::array& x) override {
    mx::eval(x);
    seen = x;
    return instead ? *instead : x;
  }
  mx::array see_map(int, const control::Step&, int, int, const mx::array& map) override { return map; }
};

/** Keeps what it is shown, by row. */
struct Recording : attention::Recorder {
  std::vector<std::pair<std::string, mx::array>> seen;
  void record(int capture, const control::Step&, const control::Row&, const control::Site& site,
              const mx::array& x) override {
    CHECK(capture == 5);
    mx::eval(x);
    seen.emplace_back(site.path, x);
  }
};

struct Fixture {
  unet::UNet unet = tiny_unet("sd1");
  Case golden{Golden("sd1"), 1};
  test::PlainControl control;
  attention::RunCache cache;
  Looking looking;
  Recording recording;
  unet::CallInputs inputs = unet.inputs(golden.x, pass(), {});

  attention::Pass pass(bool look = false) {
    attention::Pass pass{control, golden.step, golden.texts, cache};
    if (look) pass.instruments.probe = &looking;
    pass.instruments.recorder = &recording;
    return pass;
  }
  mx::array run(bool look = false) {
    auto out = unet(inputs, pass(look));
    mx::eval(out);
    return out;
  }
  mx::array share(std::vector<float> by_row) {
    return mx::array(by_row.begin(), {static_cast<int>(by_row.size()), 1, 1, 1}, mx::float32);
  }
};

mx::array row(const mx::array& x, int r) {
  return mx::slice(x, {r, 0, 0, 0}, {r + 1, x.shape(1), x.shape(2), x.shape(3)});
}

}  // namespace

TEST_CASE_FIXTURE(Fixture, "every resnet is seen once, in the order of its name, and to look leaves every bit") {
  const auto plain = run();
  const auto& resnets = unet.resnets();
  CHECK(resnets.size() == unet::resnets(unet.config()).size());
  for (const auto& resnet : resnets) {
    CAPTURE(resnet.path);
    looking = {}, looking.place = resnet.index;
    CHECK(same(run(true), plain));
    REQUIRE(looking.seen);
    const auto grid = control::grid(resnet, golden.x.shape(1), golden.x.shape(2));
    CHECK(looking.seen->shape() == mx::Shape{2, grid.height, grid.width, unet.config().levels[resnet.level].channels});
  }
}

TEST_CASE_FIXTURE(Fixture, "what is put in the place of what a resnet adds is what goes on from it") {
  const auto plain = run();
  looking.place = 3;
  run(true);
  const auto own = *looking.seen;
  looking.instead = mx::copy(own);
  CHECK(same(run(true), plain));
  // Added is what the convolution makes: without it the resnet hands on what it was given, and a second look at what
  // the next one is given differs by that alone.
  looking.instead = mx::zeros_like(own);
  const auto without = run(true);
  CHECK(error(without, plain) > 1e-4);
  looking.instead = mx::array(0.5f) * own;
  const auto half = run(true);
  CHECK(error(half, plain) > 1e-5);
  CHECK(error(half, plain) < error(without, plain));
}

TEST_CASE_FIXTURE(Fixture,
                  "a mix of what the row adds itself leaves every bit, by any share, and so does a share of 0") {
  const auto plain = run();
  for (const auto& resnet : unet.resnets()) {
    CAPTURE(resnet.path);
    looking = {}, looking.place = resnet.index;
    run(true);
    const auto own = *looking.seen;
    for (const auto& by_row : {std::vector<float>{1, 1}, {0.3f, 0.7f}}) {
      inputs.mixes = {{.resnet = resnet.index, .recorded = own, .share = share(by_row)}};
      CHECK(same(run(), plain));
      inputs.mixes = {{.resnet = resnet.index, .from = {0, 1}, .share = share(by_row)}};
      CHECK(same(run(), plain));
    }
    inputs.mixes = {{.resnet = resnet.index, .recorded = mx::array(3.f) * own, .share = share({0, 0})}};
    CHECK(same(run(), plain));
    inputs.mixes.clear();
  }
}

TEST_CASE_FIXTURE(Fixture, "a mix is own + share (other - own), by row and by pixel, and the next one mixes that") {
  const int place = 3;
  looking.place = place;
  run(true);
  const auto own = *looking.seen, other = mx::random::normal(own.shape());
  auto mask = mx::zeros({2, own.shape(1), own.shape(2), 1});
  const mx::Shape from{1, 0, 0, 0}, to{2, own.shape(1), 1, 1};  // the left column of row 1
  mask = mx::slice_update(mask, mx::ones({1, own.shape(1), 1, 1}), from, to);
  inputs.mixes = {{.resnet = place, .recorded = other, .share = mask}};
  run(true);  // probes see what goes on
  const auto made = *looking.seen;
  CHECK(same(row(made, 0), row(own, 0)));
  CHECK(same(made, mx::where(mx::equal(mask, mx::array(1.f)), other, own)));
  inputs.mixes = {{.resnet = place, .recorded = other, .share = share({0.25f, 0})},
                  {.resnet = place, .from = {0, 0}, .share = share({0, 0.5f})}};
  run(true);
  const auto first = row(own, 0) + mx::array(0.25f) * (row(other, 0) - row(own, 0));
  CHECK(error(row(*looking.seen, 0), first) < 1e-6);
  CHECK(error(row(*looking.seen, 1), mx::array(0.5f) * (first + row(own, 1))) < 1e-6);
  // And that is what the network goes on with: the same as when it is put there.
  const auto mixed = run();
  looking.instead = mx::copy(*looking.seen);
  inputs.mixes.clear();
  CHECK(same(run(true), mixed));
}

TEST_CASE_FIXTURE(Fixture, "watched resnets are recorded row by row, as they go on, and change nothing") {
  const auto plain = run();
  CHECK(recording.seen.empty());
  std::vector<bool> chosen(unet.resnets().size(), false);
  chosen[2] = chosen[9] = true;
  inputs.watched = {{5, chosen}};
  CHECK(same(run(), plain));
  REQUIRE(recording.seen.size() == 4);
  looking.place = 9;
  run(true);
  for (const int r : {0, 1}) {
    CHECK(recording.seen[static_cast<size_t>(r)].first == unet.resnets()[2].path);
    const auto& [path, x] = recording.seen[static_cast<size_t>(2 + r)];
    CHECK(path == unet.resnets()[9].path);
    CHECK(same(x, mx::reshape(row(*looking.seen, r), {1, -1, looking.seen->shape(3)})));
  }
}
