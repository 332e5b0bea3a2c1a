#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "drawn.h"
#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Conv2d;
using kernels::Padding;

TEST_CASE("a 3x3 convolution, its bias, its row's numbers and a picture are added up, at any size and padding") {
  for (unsigned seed = 0; seed < 24; ++seed) {
    const DrawnConv d(100 * seed);
    CAPTURE(seed);
    const auto conv = d.conv();
    CHECK(error(conv(d.x, {d.per_row, d.picture}), d.expected()) <= 1e-5);
    CHECK(error(conv(d.x), kernels::conv2d_reference(d.x, d.weight, d.bias, 1, d.padding)) <= 1e-5);
    CHECK(error(conv(as_slice(d.x), {as_slice(d.per_row), as_slice(d.picture)}), d.expected()) <= 1e-5);
  }
}

TEST_CASE("what is added to a convolution is added by every kind of convolution") {
  const auto x = normal({2, 6, 8, 12}, 1), weight = normal({20, 3, 3, 12}, 2), bias = normal({20}, 3);
  for (const int stride : {1, 2}) {
    const Conv2d conv(weight, bias, stride, Padding::same(1));
    const auto plain = kernels::conv2d_reference(x, weight, bias, stride, Padding::same(1));
    const auto row = normal({2, 20}, 4), picture = normal(plain.shape(), 5);
    CHECK(error(conv(x, {row, {}}), plain + mx::expand_dims(row, {1, 2})) <= 1e-5);
    CHECK(error(conv(x, {{}, picture}), plain + picture) <= 1e-5);
  }
}

TEST_CASE("a convolution of an enlarged picture equals enlarging and convolving, all of it or less the last pixels") {
  for (const int channels : {32, 20}) {  // 20: not by Winograd
    const auto weight = normal({48, 3, 3, channels}, 1), bias = normal({48}, 2), x = normal({2, 5, 4, channels}, 3);
    const Conv2d conv(weight, bias, 1, Padding::same(1));
    for (const auto& [height, width] : {std::pair{10, 8}, {9, 8}, {10, 7}, {9, 7}}) {
      const auto enlarged = mx::slice(kernels::upsample2x_reference(x), {0, 0, 0, 0}, {2, height, width, channels});
      CHECK(error(conv.upsampled(x, height, width),
                  kernels::conv2d_reference(enlarged, weight, bias, 1, Padding::same(1))) <= 1e-5);
      CHECK(same(conv.upsampled(x, height, width), conv(enlarged)));
    }
    CHECK_THROWS_AS(conv.upsampled(x, 8, 8), Error);
    CHECK_THROWS_AS(conv.upsampled(x, 10, 9), Error);
  }
}

TEST_CASE("many channels cost a convolution few digits") {
  const auto x = normal({1, 8, 8, 1280}, 1), weight = normal({16, 3, 3, 1280}, 2);
  const Conv2d conv(weight, std::nullopt, 1, Padding::same(1));
  CHECK(error(conv(x), kernels::conv2d_reference(x, weight, std::nullopt, 1, Padding::same(1))) <= 4e-6);
}

TEST_CASE("a picture's convolution has the same bits alone, in any batch, and with any number of threads") {
  const Conv2d conv(normal({48, 3, 3, 112}, 1), normal({48}, 2), 1, Padding::same(1));
  const auto a = normal({1, 21, 18, 112}, 3), b = normal({1, 21, 18, 112}, 4);
  const auto alone = conv(a);
  CHECK(same(conv(a), alone));
  for (const int threads : {1, 2, 3}) {
    kernels::set_threads(threads);
    const auto together = conv(mx::concatenate({b, a, b, b, a}, 0));
    CHECK(same(mx::slice(together, {1, 0, 0, 0}, {2, 21, 18, 48}), alone));
    CHECK(same(mx::slice(together, {4, 0, 0, 0}, {5, 21, 18, 48}), alone));
  }
  kernels::set_threads(0);
}

TEST_CASE("numbers too small to be normal, and zeros, are convolved as they are") {
  const auto x = normal({1, 9, 9, 32}, 1) * mx::array(1e-39f), weight = normal({16, 3, 3, 32}, 2);
  const Conv2d conv(weight, std::nullopt, 1, Padding::same(1));
  CHECK(error(conv(x) * mx::array(1e30f),
              kernels::conv2d_reference(x * mx::array(1e30f), weight, std::nullopt, 1, Padding::same(1))) <= 1e-4);
  CHECK(same(conv(mx::zeros({1, 9, 9, 32})), mx::zeros({1, 9, 9, 16})));
}

}  // namespace
}  // namespace corepulse
