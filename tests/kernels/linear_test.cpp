#include "kernels/linear.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Linear;

Doubles exact(const mx::array& x, const mx::array& weight, const std::optional<mx::array>& bias) {
  const auto xs = doubles(x), ws = doubles(weight), bs = bias ? doubles(*bias) : Doubles{};
  const size_t in = static_cast<size_t>(weight.shape(1)), out = static_cast<size_t>(weight.shape(0));
  Doubles y(xs.size() / in * out);
  for (size_t i = 0; i < y.size(); ++i) {
    double sum = bias ? bs[i % out] : 0;
    for (size_t k = 0; k < in; ++k) sum += xs[i / out * in + k] * ws[i % out * in + k];
    y[i] = sum;
  }
  return y;
}

TEST_CASE("linear is x W^T + b") {
  for (const auto& [in, out] : {std::pair{1, 1}, {3, 5}, {17, 33}, {64, 320}, {320, 64}, {97, 1}, {768, 40}}) {
    const auto weight = normal({out, in}, 1), bias = normal({out}, 2);
    const Linear with(weight, bias), without(weight, std::nullopt);
    CHECK(with.in() == in);
    CHECK(with.out() == out);
    for (const int rows : {77, 1, 2, 154, 300, 6, 64}) {
      CAPTURE(in);
      CAPTURE(out);
      CAPTURE(rows);
      const auto x = normal({rows, in}, 3);
      CHECK(error(with(x), exact(x, weight, bias)) <= 1e-5);
      CHECK(error(without(x), exact(x, weight, std::nullopt)) <= 1e-5);
    }
  }
}

TEST_CASE("linear agrees with the plain formula on any leading axes") {
  const auto weight = normal({48, 24}, 1), bias = normal({48}, 2);
  const Linear linear(weight, bias);
  for (const auto& shape : {mx::Shape{24}, mx::Shape{5, 24}, mx::Shape{2, 3, 24}, mx::Shape{2, 3, 4, 24}}) {
    const auto x = normal(shape, 3);
    CHECK(error(linear(x), kernels::linear_reference(x, weight, bias)) <= 1e-5);
  }
  CHECK(linear(mx::zeros({0, 24})).shape() == mx::Shape{0, 48});
}

TEST_CASE("linear reads inputs and weights of any strides") {
  const auto weight = normal({40, 30}, 1), bias = normal({40}, 2), x = normal({3, 7, 30}, 3);
  const auto plain = Linear(weight, bias)(x);
  CHECK(same(Linear(weight, bias)(strided(x)), plain));
  CHECK(same(Linear(weight, bias)(as_slice(x)), plain));
  CHECK(same(Linear(mx::transpose(mx::contiguous(mx::transpose(weight))), strided(bias))(x), plain));
}

TEST_CASE("linear of a picture and a skip is that of their concatenation, to the bit") {
  for (const auto& [width, ends, out] :
       {std::array{1, 1, 1}, {3, 14, 33}, {64, 32, 320}, {400, 30, 40}, {640, 320, 64}, {30, 34, 64}}) {
    const auto weight = normal({out, width + ends}, 1), bias = normal({out}, 2);
    const Linear linear(weight, bias), bare(weight, std::nullopt);
    for (const auto& shape : {mx::Shape{1}, {3}, {1, 7, 11}, {2, 8, 6}, {3, 13, 5}, {2, 20, 20}}) {
      auto whole = shape;
      whole.push_back(width + ends);
      CAPTURE(width);
      CAPTURE(to_string(whole));
      const auto both = normal(whole, 3);
      const auto parts = mx::split(both, mx::Shape{width}, -1);  // of strides wider than their rows
      const auto x = mx::contiguous(parts[0]), skip = mx::contiguous(parts[1]);
      CHECK(same(linear(kernels::Beside(x, skip)), linear(both)));
      CHECK(same(bare(kernels::Beside(x, skip)), bare(both)));
      CHECK(same(linear(kernels::Beside(parts[0], parts[1])), linear(both)));
      CHECK(same(linear(kernels::Beside(strided(x), as_slice(skip))), linear(both)));
    }
  }
  const Linear linear(normal({8, 12}, 1), std::nullopt);
  CHECK(linear(kernels::Beside(mx::zeros({0, 4}), mx::zeros({0, 8}))).shape() == mx::Shape{0, 8});
  CHECK_THROWS_AS(linear(kernels::Beside(normal({5, 4}, 2), normal({5, 7}, 3))), Error);
  CHECK_THROWS_AS(linear(kernels::Beside(normal({5, 4}, 2), normal({10, 8}, 3))), Error);
}

TEST_CASE("copies of a linear share their weights, and the plain array is let go") {
  auto weight = normal({64, 64}, 1);
  weight.eval();
  const auto data = std::weak_ptr(weight.data_shared_ptr());
  const Linear first(std::move(weight), std::nullopt), second = first;
  weight = mx::array(0.0f);
  const auto x = normal({5, 64}, 2);
  const auto a = first(x), b = second(x);
  CHECK(same(a, b));
  CHECK(same(second(x), a));
  if (kernels::use_cpu_kernels(x)) CHECK(data.expired());
}

TEST_CASE("a batch row's linear has the same bits whatever the other rows hold") {
  const Linear linear(normal({320, 320}, 1), normal({320}, 2));
  const auto x = normal({2, 77, 320}, 3), other = normal({1, 77, 320}, 4);
  const auto first = mx::slice(x, {0, 0, 0}, {1, 77, 320});
  const auto y = linear(x), z = linear(mx::concatenate({first, other}, 0));
  CHECK(same(mx::slice(y, {0, 0, 0}, {1, 77, 320}), mx::slice(z, {0, 0, 0}, {1, 77, 320})));
}

TEST_CASE("weights that were packed for float32 refuse another type") {
  const Linear linear(normal({4, 6}, 1), std::nullopt);
  CHECK(linear(normal({2, 6}, 2)).shape() == mx::Shape{2, 4});
  if (!own_kernels()) return;
  linear(normal({2, 6}, 2)).eval();
  CHECK_THROWS_AS(linear(mx::zeros({2, 6}, mx::float16)), Error);
}

TEST_CASE("linear refuses shapes that do not fit") {
  const auto weight = normal({4, 6}, 1);
  CHECK_THROWS_AS(Linear(weight, normal({5}, 2)), Error);
  CHECK_THROWS_AS(Linear(normal({4}, 1), std::nullopt), Error);
  CHECK_THROWS_AS(Linear(weight, std::nullopt)(normal({3, 5}, 2)), Error);
}

}  // namespace
}  // namespace corepulse
