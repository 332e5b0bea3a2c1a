#pragma once
// Arrays to compute with, their numbers as doubles, and how far two results are apart.

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/tensor.h"
#include "kernels/device.h"

namespace corepulse {

using Doubles = std::vector<double>;

/** Normally distributed float32 numbers, the same for the same seed. */
inline mx::array normal(const mx::Shape& shape, unsigned seed, float scale = 1, float mean = 0) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(mean, scale);
  size_t n = 1;
  for (const int size : shape) n *= static_cast<size_t>(size);
  std::vector<float> numbers(n);
  for (auto& x : numbers) x = distribution(generator);
  return mx::array(numbers.begin(), shape, mx::float32);
}

/** The array's numbers in row-major order. */
inline std::vector<float> floats(const mx::array& x) {
  auto y = mx::contiguous(x);
  y.eval();
  return {y.data<float>(), y.data<float>() + y.size()};
}

inline Doubles doubles(const mx::array& x) {
  const auto numbers = floats(x);
  return {numbers.begin(), numbers.end()};
}

/** Largest difference over the largest |expected|; infinite if a number is not finite or the sizes differ. */
inline double error(const Doubles& actual, const Doubles& expected) {
  if (actual.size() != expected.size()) return INFINITY;
  double difference = 0, largest = 1e-30;
  for (size_t i = 0; i < actual.size(); ++i) {
    if (!std::isfinite(actual[i])) return INFINITY;
    difference = std::max(difference, std::abs(actual[i] - expected[i]));
    largest = std::max(largest, std::abs(expected[i]));
  }
  return difference / largest;
}

inline double error(const mx::array& actual, const Doubles& expected) {
  return error(doubles(actual), expected);
}
inline double error(const mx::array& actual, const mx::array& expected) {
  return actual.shape() == expected.shape() ? error(doubles(actual), doubles(expected)) : INFINITY;
}

inline bool same_bits(const mx::array& a, const mx::array& b) {
  const auto x = floats(a), y = floats(b);
  return a.shape() == b.shape() && std::memcmp(x.data(), y.data(), x.size() * sizeof(float)) == 0;
}

/** Whether the own CPU kernels run; elsewhere MLX's operations do, which promise fewer digits and no bits. */
inline bool own_kernels() {
  return kernels::use_cpu_kernels(mx::zeros({1}));
}

/** The same bits from the own kernels, the same numbers from MLX's operations. */
inline bool same(const mx::array& a, const mx::array& b) {
  return own_kernels() ? same_bits(a, b) : error(a, b) <= 1e-5;
}

/** The same numbers in memory that is not row-contiguous: every second number of a twice as wide array. */
inline mx::array strided(const mx::array& x) {
  auto shape = x.shape();
  const int width = shape.back();
  shape.push_back(1);
  const auto wide = mx::reshape(mx::concatenate({mx::reshape(x, shape), mx::reshape(x, shape)}, -1), [&] {
    auto doubled = x.shape();
    doubled.back() = 2 * width;
    return doubled;
  }());
  mx::Shape start(x.ndim(), 0), stop = wide.shape(), step(x.ndim(), 1);
  step.back() = 2;
  return mx::slice(wide, start, stop, step);
}

/** The same numbers as columns first..first+width of a wider array: rows contiguous, the whole not. */
inline mx::array as_slice(const mx::array& x) {
  const auto filler = mx::full(x.shape(), 7.0f, mx::float32);
  const auto wide = mx::concatenate({filler, x, filler}, -1);
  mx::Shape start(x.ndim(), 0), stop = wide.shape();
  start.back() = x.shape(-1);
  stop.back() = 2 * x.shape(-1);
  return mx::slice(wide, start, stop);
}

}  // namespace corepulse
