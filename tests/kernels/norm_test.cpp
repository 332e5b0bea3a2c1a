#include "kernels/norm.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "numbers.h"

namespace corepulse {
namespace {

using kernels::group_norm;
using kernels::layer_norm;

/** Float32 statistics lose digits to a large mean; the own kernels' do not. */
double bound(float mean) {
  return own_kernels() ? 1e-6 : mean < 100 ? 1e-5 : 1e-3;
}

double silu(double x) {
  return x / (1 + std::exp(-x));
}

/** Normalises the numbers at indices `at` of x, in double. */
void exact_set(const Doubles& x, const std::vector<size_t>& at, double eps, Doubles& y) {
  double mean = 0, variance = 0;
  for (const size_t i : at) mean += x[i] / static_cast<double>(at.size());
  for (const size_t i : at) variance += (x[i] - mean) * (x[i] - mean) / static_cast<double>(at.size());
  for (const size_t i : at) y[i] = (x[i] - mean) / std::sqrt(variance + eps);
}

Doubles exact(const mx::array& x, const mx::array& weight, const mx::array& bias, size_t rows, size_t groups,
              double eps, bool with_silu) {
  const auto xs = doubles(x), w = doubles(weight), b = doubles(bias);
  const size_t channels = w.size(), pixels = xs.size() / rows / channels;
  Doubles y(xs.size());
  for (size_t set = 0; set < rows * groups; ++set) {
    std::vector<size_t> at;
    for (size_t i = 0; i < pixels * channels; ++i) {
      if (i % channels / (channels / groups) == set % groups) at.push_back(set / groups * pixels * channels + i);
    }
    exact_set(xs, at, eps, y);
  }
  for (size_t i = 0; i < y.size(); ++i) {
    y[i] = y[i] * w[i % channels] + b[i % channels];
    if (with_silu) y[i] = silu(y[i]);
  }
  return y;
}

TEST_CASE("group_norm normalises each group of each batch row, then applies silu") {
  struct Case {
    mx::Shape shape;
    int groups;
    float mean;
  };
  for (const auto& c : {Case{{2, 8, 8, 64}, 32, 0},
                        {{3, 7, 5, 33}, 3, 0},
                        {{1, 1, 1, 4}, 2, 1},
                        {{2, 9, 10}, 5, 2},
                        {{4, 6}, 3, 0},
                        {{1, 33, 31, 320}, 32, 0},
                        {{2, 16, 16, 32}, 8, 1000},
                        {{1, 5, 5, 7}, 7, 3}}) {
    const int channels = c.shape.back();
    const auto x = normal(c.shape, 1, 2, c.mean), weight = normal({channels}, 2), bias = normal({channels}, 3);
    for (const bool with_silu : {false, true}) {
      CAPTURE(c.shape.size());
      CAPTURE(channels);
      const auto truth =
          exact(x, weight, bias, static_cast<size_t>(c.shape[0]), static_cast<size_t>(c.groups), 1e-5, with_silu);
      const auto run = [&](const mx::array& in) { return group_norm(in, weight, bias, c.groups, 1e-5f, with_silu); };
      const auto y = run(x);
      CHECK(error(y, truth) <= bound(c.mean));
      CHECK(error(run(strided(x)), y) <= (own_kernels() ? 0 : bound(c.mean)));
      if (c.mean < 100)
        CHECK(error(kernels::group_norm_reference(x, weight, bias, c.groups, 1e-5f, with_silu), truth) <= 1e-5);
    }
  }
}

TEST_CASE("group_norm of a picture and a skip is that of their concatenation, to the bit") {
  struct Case {
    mx::Shape shape;
    int skip, groups;
  };
  for (const auto& c : {Case{{2, 16, 16, 64}, 32, 8},
                        {{3, 7, 5, 33}, 3, 4},    // a group of 9: 6 channels of x, 3 of the skip
                        {{1, 9, 13, 20}, 44, 2},  // x ends within the first
                        {{2, 12, 11, 1}, 15, 16},
                        {{2, 3, 10}, 5, 1},
                        {{4, 6}, 3, 3},
                        {{1, 20, 10, 640}, 320, 32}}) {
    CAPTURE(c.shape.back());
    auto beside = c.shape;
    beside.back() = c.skip;
    const int channels = c.shape.back() + c.skip;
    const auto weight = normal({channels}, 2), bias = normal({channels}, 3);
    for (const auto type : {mx::float32, mx::bfloat16}) {
      const auto x = mx::astype(normal(c.shape, 1, 2, 1), type), skip = mx::astype(normal(beside, 4), type);
      const auto wide = [](const mx::array& y) { return mx::astype(y, mx::float32); };
      for (const bool with_silu : {false, true}) {
        const auto run = [&](const mx::array& in, const std::optional<mx::array>& more) {
          return wide(group_norm(kernels::Beside(in, more), weight, bias, c.groups, 1e-5f, with_silu));
        };
        const auto whole = run(mx::concatenate({x, skip}, -1), {});
        CHECK(same(run(x, skip), whole));
        const auto spread = mx::astype(strided(wide(x)), type), slice = mx::astype(as_slice(wide(skip)), type);
        CHECK(same(run(spread, slice), whole));
        const auto half = mx::slice(mx::concatenate({x, x}, -1), mx::Shape(x.ndim(), 0), x.shape());
        CHECK(same(run(half, skip), whole));
      }
    }
  }
}

TEST_CASE("group_norm of a constant is its bias") {
  const auto x = mx::full({1, 40, 40, 8}, 123.25f, mx::float32), bias = normal({8}, 1);
  const auto y = group_norm(x, mx::ones({8}), bias, 2, 1e-5f);
  CHECK(same(y, mx::broadcast_to(bias, y.shape())));
}

TEST_CASE("group_norm keeps its digits where one pixel is far from all others") {
  auto numbers = floats(normal({1, 32, 32, 8}, 1));
  numbers[0] = 1e4f;
  const auto x = mx::array(numbers.begin(), {1, 32, 32, 8}, mx::float32);
  CHECK(error(group_norm(x, mx::ones({8}), mx::zeros({8}), 2, 1e-5f),
              exact(x, mx::ones({8}), mx::zeros({8}), 1, 2, 1e-5, false)) <= bound(0));
}

TEST_CASE("group_norm has the same bits on any number of threads and for a batch row alone") {
  const auto x = normal({2, 40, 30, 64}, 1), weight = normal({64}, 2), bias = normal({64}, 3);
  const auto run = [&](const mx::array& input, int threads) {
    kernels::set_threads(threads);
    auto y = group_norm(input, weight, bias, 32, 1e-5f, true);
    y.eval();
    kernels::set_threads(0);
    return y;
  };
  const auto all = run(x, 1);
  CHECK(same(run(x, 2), all));
  CHECK(same(run(x, 3), all));
  const mx::Shape start{1, 0, 0, 0}, stop{2, 40, 30, 64};
  CHECK(same(run(mx::slice(x, start, stop), 2), mx::slice(all, start, stop)));
}

TEST_CASE("layer_norm normalises each row") {
  for (const auto& [rows, channels, mean] :
       {std::tuple{1, 1, 0.0f}, {3, 7, 0.0f}, {77, 768, 0.0f}, {5, 1281, 1.0f}, {100, 320, 1000.0f}, {4, 130, -5.0f}}) {
    CAPTURE(channels);
    const auto x = normal({1, rows, channels}, 1, 2, mean), weight = normal({channels}, 2),
               bias = normal({channels}, 3);
    const auto truth = exact(x, weight, bias, static_cast<size_t>(rows), 1, 1e-5, false);
    const auto y = layer_norm(x, weight, bias, 1e-5f);
    CHECK(error(y, truth) <= bound(mean));
    CHECK(same(layer_norm(as_slice(x), weight, bias, 1e-5f), y));
    if (mean < 100) CHECK(error(kernels::layer_norm_reference(x, weight, bias, 1e-5f), truth) <= 1e-5);
  }
}

TEST_CASE("norms refuse shapes that do not fit") {
  const auto x = normal({2, 4, 6}, 1), six = mx::ones({6}), five = mx::ones({5});
  CHECK_THROWS_AS(group_norm(x, six, six, 4, 1e-5f), Error);
  CHECK_THROWS_AS(group_norm(x, five, six, 2, 1e-5f), Error);
  CHECK_THROWS_AS(group_norm(x, six, six, 0, 1e-5f), Error);
  CHECK_THROWS_AS(group_norm(kernels::Beside(x, x), six, six, 2, 1e-5f), Error);
  CHECK_THROWS_AS(group_norm(kernels::Beside(x, normal({2, 3, 6}, 1)), mx::ones({12}), mx::ones({12}), 2, 1e-5f),
                  Error);
  CHECK_THROWS_AS(group_norm(kernels::Beside(x, normal({6}, 1)), mx::ones({12}), mx::ones({12}), 2, 1e-5f), Error);
  CHECK_THROWS_AS(layer_norm(x, six, five, 1e-5f), Error);
  CHECK_THROWS_AS(layer_norm(mx::array(1.0f), six, six, 1e-5f), Error);
}

}  // namespace
}  // namespace corepulse
