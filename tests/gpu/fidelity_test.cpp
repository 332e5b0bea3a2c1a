// The networks on the GPU compute what Diffusers computes, in float32 and in float16.
#include <doctest/doctest.h>

#include "mlx/device.h"

#include "kernels/norm.h"
#include "kernels/numbers.h"
#include "unet/support.h"

using namespace corepulse;

namespace {

/** The golden case with the numbers a float16 run would see. */
mx::array call(const test::Case& c, const unet::UNet& unet, mx::Dtype dtype) {
  const test::PlainControl control;
  unet::RunCache cache;
  std::vector<mx::array> texts;
  for (const auto& text : c.texts) texts.push_back(mx::astype(text, dtype));
  return mx::astype(unet(mx::astype(c.x, dtype), {control, c.step, texts, cache}, c.added), mx::float32);
}

}  // namespace

TEST_CASE("the default device is a GPU") {
  CHECK(mx::default_device() == mx::Device::gpu);
}

TEST_CASE("group_norm's kernels equal the formula at every shape and type, and repeat their bits") {
  for (const auto& shape :
       {mx::Shape{2, 64, 64, 320}, {1, 8, 8, 1280}, {3, 5, 7, 32}, {2, 1, 1, 64}, {1, 16, 16, 2560}, {2, 33, 640}}) {
    for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16}) {
      CAPTURE(to_string(shape));
      CAPTURE(static_cast<int>(dtype.val()));
      const int channels = shape.back();
      const auto x = mx::astype(normal(shape, 1, 2, 30), dtype);
      const auto weight = normal({channels}, 2), bias = normal({channels}, 3);
      for (const bool silu : {false, true}) {
        const auto y = kernels::group_norm(x, weight, bias, 32, 1e-5f, silu);
        const auto exact = kernels::group_norm_reference(mx::astype(x, mx::float32), weight, bias, 32, 1e-5f, silu);
        const double bound = dtype == mx::float32 ? 2e-5 : dtype == mx::float16 ? 1e-3 : 8e-3;
        CHECK(error(mx::astype(y, mx::float32), exact) <= bound);
        CHECK(same_bits(mx::astype(y, mx::float32),
                        mx::astype(kernels::group_norm(x, weight, bias, 32, 1e-5f, silu), mx::float32)));
      }
    }
  }
}

TEST_CASE("a UNet call equals Diffusers' within 1e-3 in float32 and 2e-2 in float16") {
  for (const std::string family : {"sd1", "sd2", "sd2v", "sdxl", "small"}) {
    const test::Golden golden(family);
    for (const auto dtype : {mx::float32, mx::float16}) {
      const auto unet = test::tiny_unet(family, dtype);
      for (int n = 0; golden.has("unet/" + std::to_string(n) + "/x"); ++n) {
        CAPTURE(family);
        CAPTURE(n);
        const test::Case c(golden, n);
        CHECK(error(call(c, unet, dtype), c.out) <= (dtype == mx::float32 ? 1e-3 : 2e-2));
      }
    }
  }
}
