#include "kernels/activation.h"

#include <doctest/doctest.h>
#include <limits>

#include "corepulse/error.h"

#include "numbers.h"

namespace corepulse {
namespace {

double sigmoid(double x) {
  return 1 / (1 + std::exp(-x));
}
double gelu(double x) {
  return 0.5 * x * std::erfc(-x * std::sqrt(0.5));
}

/** Every size of number from -100 to 100, the smallest and the largest ones. */
mx::array sweep() {
  std::vector<float> x;
  for (int i = -20000; i <= 20000; ++i) x.push_back(static_cast<float>(i) * 0.0007f);
  for (float s = 1e-30f; s < 1e30f; s *= 3.7f) x.insert(x.end(), {s, -s});
  x.insert(x.end(), {0.0f, -0.0f, 88.0f, -88.0f, -87.0f, 100.0f, -100.0f});
  return mx::array(x.begin(), {static_cast<int>(x.size())}, mx::float32);
}

/** Largest error in units of |x|, which is what the next layer sees. */
template <class F>
double error_per_x(const mx::array& y, const mx::array& x, F f) {
  const auto ys = doubles(y), xs = doubles(x);
  double worst = 0;
  for (size_t i = 0; i < xs.size(); ++i)
    worst = std::max(worst, std::abs(ys[i] - f(xs[i])) / std::max(std::abs(xs[i]), 1e-37));
  return worst;
}

TEST_CASE("silu, gelu and quick_gelu are within a few 1e-7 |x| of their formulas for every size of x") {
  const auto x = sweep();
  CHECK(error_per_x(kernels::silu(x), x, [](double v) { return v * sigmoid(v); }) <= 2e-7);
  CHECK(error_per_x(kernels::gelu(x), x, gelu) <= 3e-7);
  CHECK(error_per_x(kernels::quick_gelu(x), x, [](double v) { return v * sigmoid(double{1.702f} * v); }) <= 4e-7);
}

TEST_CASE("the activations agree with the plain formulas for any shape and strides") {
  for (const auto& shape : {mx::Shape{1}, mx::Shape{3, 5}, mx::Shape{2, 7, 40}, mx::Shape{4, 9, 9, 66}}) {
    const auto x = normal(shape, 1, 3);
    CHECK(error(kernels::silu(x), kernels::silu_reference(x)) <= 1e-6);
    CHECK(error(kernels::gelu(x), kernels::gelu_reference(x)) <= 1e-6);
    CHECK(error(kernels::quick_gelu(x), kernels::quick_gelu_reference(x)) <= 1e-6);
    CHECK(error(kernels::silu(mx::transpose(x)), kernels::silu_reference(mx::transpose(x))) <= 1e-6);
    CHECK(same(kernels::gelu(strided(x)), kernels::gelu(x)));
  }
  CHECK(kernels::silu(mx::zeros({0, 3})).size() == 0);
}

TEST_CASE("an element's activation has the same bits wherever it stands") {
  const auto x = normal({1000}, 1, 3);
  const auto tail = mx::slice(x, {993}, {1000});
  CHECK(same(kernels::silu(tail), mx::slice(kernels::silu(x), {993}, {1000})));
  CHECK(same(kernels::gelu(tail), mx::slice(kernels::gelu(x), {993}, {1000})));
}

TEST_CASE("NaN and infinity pass through the activations") {
  const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
  for (const auto f : {kernels::silu, kernels::gelu, kernels::quick_gelu}) {
    const auto y = floats(f(mx::array({nan, inf, -nan})));
    CHECK(std::isnan(y[0]));
    CHECK(y[1] == inf);
    CHECK(std::isnan(y[2]));
  }
}

TEST_CASE("geglu is the first half times gelu of the second") {
  for (const int width : {1, 5, 40, 1280}) {
    const auto x = normal({2, 9, 2 * width}, 1, 2);
    const auto xs = doubles(x);
    Doubles truth;
    const size_t w = static_cast<size_t>(width);
    for (size_t i = 0; i < 18 * w; ++i)
      truth.push_back(xs[i / w * 2 * w + i % w] * gelu(xs[i / w * 2 * w + w + i % w]));
    CHECK(error(kernels::geglu(x), truth) <= 1e-6);
    CHECK(error(kernels::geglu_reference(x), truth) <= 1e-6);
  }
  CHECK_THROWS_AS(kernels::geglu(normal({2, 3}, 1)), Error);
}

TEST_CASE("upsample2x repeats every pixel twice in both directions") {
  for (const auto& shape : {mx::Shape{1, 1, 1, 1}, mx::Shape{2, 3, 5, 7}, mx::Shape{1, 8, 8, 64}}) {
    const auto x = normal(shape, 1);
    CHECK(same(kernels::upsample2x(x), kernels::upsample2x_reference(x)));
    CHECK(same(kernels::upsample2x(strided(x)), kernels::upsample2x_reference(x)));
  }
  const auto y = floats(kernels::upsample2x(mx::array({1.0f, 2.0f}, {1, 1, 2, 1})));
  CHECK(y == std::vector<float>{1, 1, 2, 2, 1, 1, 2, 2});
  CHECK_THROWS_AS(kernels::upsample2x(normal({2, 3}, 1)), Error);
}

}  // namespace
}  // namespace corepulse
