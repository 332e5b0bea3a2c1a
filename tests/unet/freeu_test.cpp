// FreeU: as Diffusers computes version 1, and as the formula of version 2 does; where it acts in a UNet.
#include "unet/freeu.h"

#include <doctest/doctest.h>

#include "mlx/random.h"

#include "support.h"

using namespace corepulse;
using namespace corepulse::test;

namespace {

mx::array numbers(std::vector<float> by_row) {
  return mx::array(by_row.begin(), {static_cast<int>(by_row.size()), 1, 1, 1}, mx::float32);
}

double error(const mx::array& a, const mx::array& b) {
  auto difference = mx::max(mx::abs(a - b)), size = mx::max(mx::abs(b));
  return difference.item<float>() / size.item<float>();
}

bool same(const mx::array& a, const mx::array& b) {
  return mx::array_equal(a, b).item<bool>();
}

}  // namespace

TEST_CASE("both versions of FreeU, on even, odd and thin pictures") {
  const Golden golden("guidance");
  for (const std::string size : {"even", "odd", "line"})
    for (const bool by_mean : {false, true}) {
      CAPTURE(size);
      const auto of = [&](const std::string& name) { return golden.nhwc("freeu/" + size + "/" + name); };
      const auto made = unet::joined(of("h"), of("skip"), {0, by_mean, numbers({1.4f, 1.4f}), numbers({0.6f, 0.6f})});
      const std::string version = by_mean ? "2/" : "1/";
      CHECK(error(made.first, of(version + "h")) < 2e-6);
      CHECK(error(made.second, of(version + "skip")) < 2e-6);
    }
}

TEST_CASE("a gain of 1 leaves a row as it is, and features without differences have no mean to follow") {
  const auto h = mx::random::normal({2, 4, 5, 6}), skip = mx::random::normal({2, 4, 5, 4});
  const auto made = unet::joined(h, skip, {0, true, numbers({1, 1.5f}), numbers({0.5f, 1})});
  const auto &up = made.first, &beside = made.second;
  CHECK(same(mx::slice(up, {0, 0, 0, 0}, {1, 4, 5, 6}), mx::slice(h, {0, 0, 0, 0}, {1, 4, 5, 6})));
  CHECK(same(mx::slice(beside, {1, 0, 0, 0}, {2, 4, 5, 4}), mx::slice(skip, {1, 0, 0, 0}, {2, 4, 5, 4})));
  CHECK(error(up, h) > 0.01);
  const auto plain = mx::ones({1, 2, 2, 4});
  CHECK(same(unet::joined(plain, plain, {0, true, numbers({1.5f}), {}}).first, plain));
}

TEST_CASE("gains reach the resnets of up blocks in their order, and nothing else") {
  const auto unet = tiny_unet("sd1");
  const Case golden(Golden("sd1"), 1);
  const test::PlainControl control;
  attention::RunCache cache;
  const attention::Pass pass{control, golden.step, golden.texts, cache};
  auto inputs = unet.inputs(golden.x, pass, {});
  const auto plain = unet(inputs, pass);
  const int joints = static_cast<int>(unet::joints(unet.config()).size());
  for (int joint = 0; joint < joints; ++joint) {
    inputs.gains = {{joint, false, numbers({1.2f, 1.2f}), numbers({0.5f, 0.5f})}};
    CHECK(error(unet(inputs, pass), plain) > 1e-4);
    inputs.gains = {{joint, false, numbers({1, 1}), numbers({1, 1})}};
    CHECK(error(unet(inputs, pass), plain) < 1e-6);
  }
  inputs.gains = {{joints, false, numbers({1.2f, 1.2f}), {}}};
  CHECK(same(unet(inputs, pass), plain));
}
