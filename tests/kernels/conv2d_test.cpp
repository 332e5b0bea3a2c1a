#include "kernels/conv2d.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Conv2d;
using kernels::Padding;

struct Case {
  int batch, height, width, in, out, kernel, stride;
  Padding padding;
};

struct Picture {
  Doubles numbers;
  int height, width, channels;
  double at(int b, int y, int x, int c) const {
    if (y < 0 || y >= height || x < 0 || x >= width) return 0;
    return numbers[static_cast<size_t>(((b * height + y) * width + x) * channels + c)];
  }
};

double exact_pixel(const Case& c, const Picture& x, const Doubles& weight, int b, int row, int column, int out) {
  double sum = 0;
  for (int i = 0; i < c.kernel; ++i) {
    for (int j = 0; j < c.kernel; ++j) {
      const int y = row * c.stride + i - c.padding.top, z = column * c.stride + j - c.padding.left;
      const size_t first = static_cast<size_t>(((out * c.kernel + i) * c.kernel + j) * c.in);
      for (int k = 0; k < c.in; ++k) sum += x.at(b, y, z, k) * weight[first + static_cast<size_t>(k)];
    }
  }
  return sum;
}

Doubles exact(const Case& c, const mx::array& x, const mx::array& weight, const mx::array& bias) {
  const Picture picture{doubles(x), c.height, c.width, c.in};
  const auto w = doubles(weight), b = doubles(bias);
  const int rows = (c.height + c.padding.top + c.padding.bottom - c.kernel) / c.stride + 1;
  const int columns = (c.width + c.padding.left + c.padding.right - c.kernel) / c.stride + 1;
  Doubles y;
  for (int i = 0; i < c.batch * rows * columns * c.out; ++i) {
    const int out = i % c.out, column = i / c.out % columns, row = i / c.out / columns % rows;
    y.push_back(b[static_cast<size_t>(out)] + exact_pixel(c, picture, w, i / c.out / columns / rows, row, column, out));
  }
  return y;
}

const Case kCases[] = {
    {1, 8, 8, 16, 16, 3, 1, Padding::same(1)},
    {2, 9, 7, 32, 48, 3, 1, Padding::same(1)},
    {2, 8, 8, 4, 32, 3, 1, Padding::same(1)},
    {1, 8, 10, 32, 4, 3, 1, Padding::same(1)},
    {1, 8, 8, 9, 32, 3, 1, Padding::same(1)},
    {1, 8, 8, 32, 3, 3, 1, Padding::same(1)},
    {1, 9, 9, 3, 24, 3, 1, Padding::same(1)},
    {2, 8, 8, 32, 32, 3, 2, Padding::same(1)},
    {1, 9, 8, 16, 32, 3, 2, {0, 1, 0, 1}},
    {2, 8, 8, 17, 5, 3, 2, {0, 1, 0, 1}},
    {2, 6, 5, 32, 64, 1, 1, {}},
    {1, 6, 5, 8, 8, 1, 1, {}},
    {1, 6, 5, 4, 4, 1, 1, {}},
    {1, 5, 5, 7, 11, 1, 1, {}},
    {1, 14, 14, 3, 32, 7, 7, {}},
    {4, 3, 3, 64, 64, 3, 1, Padding::same(1)},
    {1, 1, 1, 32, 32, 3, 1, Padding::same(1)},
    {1, 4, 4, 16, 16, 5, 1, {2, 1, 1, 2}},
};

TEST_CASE("conv2d is the sum over kernel and channels, plus bias") {
  for (const auto& c : kCases) {
    CAPTURE(c.in);
    CAPTURE(c.out);
    CAPTURE(c.kernel);
    CAPTURE(c.stride);
    const auto x = normal({c.batch, c.height, c.width, c.in}, 1);
    const auto weight = normal({c.out, c.kernel, c.kernel, c.in}, 2), bias = normal({c.out}, 3);
    const auto truth = exact(c, x, weight, bias);
    const Conv2d conv(weight, bias, c.stride, c.padding);
    CHECK(conv.in() == c.in);
    CHECK(conv.out() == c.out);
    CHECK(error(conv(x), truth) <= 1e-5);
    CHECK(error(conv(as_slice(x)), truth) <= 1e-5);
    CHECK(error(kernels::conv2d_reference(x, weight, bias, c.stride, c.padding), truth) <= 1e-5);
  }
}

TEST_CASE("one conv2d serves pictures of any size and batch, with or without bias") {
  const auto weight = normal({64, 3, 3, 32}, 1);
  const Conv2d conv(weight, std::nullopt, 1, Padding::same(1));
  for (const auto& shape : {mx::Shape{2, 64, 64, 32}, mx::Shape{1, 8, 8, 32}, mx::Shape{4, 5, 33, 32},
                            mx::Shape{1, 1, 2, 32}, mx::Shape{2, 64, 64, 32}}) {
    const auto x = normal(shape, 2);
    CHECK(error(conv(x), kernels::conv2d_reference(x, weight, std::nullopt, 1, Padding::same(1))) <= 1e-5);
  }
  CHECK(conv(mx::zeros({0, 8, 8, 32})).shape() == mx::Shape{0, 8, 8, 64});
}

TEST_CASE("a batch row's conv2d has the same bits whatever the other rows hold") {
  const Conv2d conv(normal({64, 3, 3, 64}, 1), normal({64}, 2), 1, Padding::same(1));
  const auto x = normal({1, 16, 16, 64}, 3);
  const auto y = conv(mx::concatenate({x, normal({1, 16, 16, 64}, 4)}, 0));
  const auto z = conv(mx::concatenate({x, normal({1, 16, 16, 64}, 5)}, 0));
  CHECK(same(mx::slice(y, {0, 0, 0, 0}, {1, 16, 16, 64}), mx::slice(z, {0, 0, 0, 0}, {1, 16, 16, 64})));
}

TEST_CASE("conv2d refuses shapes that do not fit") {
  const auto weight = normal({8, 3, 3, 4}, 1);
  CHECK_THROWS_AS(Conv2d(weight, normal({7}, 2), 1, {}), Error);
  CHECK_THROWS_AS(Conv2d(weight, std::nullopt, 0, {}), Error);
  const Conv2d conv(weight, std::nullopt, 1, {});
  CHECK_THROWS_AS(conv(normal({1, 8, 8, 5}, 2)), Error);
  CHECK_THROWS_AS(conv(normal({1, 2, 8, 4}, 2)), Error);
}

}  // namespace
}  // namespace corepulse
