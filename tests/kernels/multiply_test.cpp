#include <array>
#include <cmath>
#include <doctest/doctest.h>
#include <random>
#include <vector>

#include "kernels/convert.h"
#include "kernels/device.h"

using namespace corepulse;

namespace {

std::vector<float> random_numbers(size_t n, unsigned seed) {
  std::minstd_rand random(seed);
  std::vector<float> numbers(n);
  for (auto& x : numbers) x = static_cast<float>(random() % 2001) / 1000 - 1;
  return numbers;
}

std::vector<float> product(const std::vector<float>& a, const std::vector<float>& b, int64_t m, int64_t k, int64_t n) {
  std::vector<float> out(static_cast<size_t>(m * n), NAN);
  kernels::multiply(out.data(), a.data(), b.data(), m, k, n, -0.5f);
  return out;
}

}  // namespace

TEST_CASE("a product in plain memory is the sums of products, whatever its sizes") {
  for (const auto& [m, k, n] :
       {std::array<int64_t, 3>{1, 1, 1}, {5, 3, 17}, {64, 32, 96}, {130, 7, 201}, {3, 500, 33}}) {
    CAPTURE(m);
    const auto a = random_numbers(static_cast<size_t>(m * k), 1), b = random_numbers(static_cast<size_t>(k * n), 2);
    const auto out = product(a, b, m, k, n);
    double worst = 0;
    for (int64_t r = 0; r < m; ++r)
      for (int64_t c = 0; c < n; ++c) {
        double sum = 0;
        for (int64_t i = 0; i < k; ++i)
          sum += double{a[static_cast<size_t>(r * k + i)]} * b[static_cast<size_t>(i * n + c)];
        worst = std::fmax(worst, std::fabs(out[static_cast<size_t>(r * n + c)] + 0.5 * sum));
      }
    CHECK(worst <= 1e-6 * std::sqrt(static_cast<double>(k)));
  }
}

TEST_CASE("a row of a product in plain memory has the same bits beside others, and on any number of threads") {
  const int64_t m = 130, k = 40, n = 75;
  const auto a = random_numbers(m * k, 3), b = random_numbers(k * n, 4);
  const auto all = product(a, b, m, k, n);
  kernels::set_threads(3);
  CHECK(product(a, b, m, k, n) == all);
  kernels::set_threads(0);
  for (const int64_t row : {0, 64, 129}) {
    const std::vector<float> one(a.begin() + row * k, a.begin() + (row + 1) * k);
    CHECK(product(one, b, 1, k, n) == std::vector<float>(all.begin() + row * n, all.begin() + (row + 1) * n));
  }
}
