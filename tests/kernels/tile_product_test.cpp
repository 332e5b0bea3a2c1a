// Products of matrices of both types on tiles, with tiles in plain C++ and, where the processor has them, with AMX's.
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <random>
#include <vector>

#include "kernels/amx/attention.h"
#include "kernels/amx/product.h"
#include "kernels/device.h"

namespace corepulse::kernels {
namespace {

std::vector<float> dice(int64_t n, unsigned seed, float scale = 1) {
  std::mt19937 generator(seed);
  std::normal_distribution<float> distribution(0, scale);
  std::vector<float> x(static_cast<size_t>(n));
  for (auto& y : x) y = distribution(generator);
  return x;
}

template <class T>
std::vector<T> numbers(int64_t n, unsigned seed, float scale = 1) {
  std::vector<T> x(static_cast<size_t>(n));
  const auto plain = dice(n, seed, scale);
  for (size_t i = 0; i < x.size(); ++i) assign(x[i], plain[i]);
  return x;
}

/** Largest |actual - exact| beyond half a unit of a bfloat16's last digit, relative to the largest |exact|. */
template <class T>
double beyond_rounding(const std::vector<T>& actual, const std::vector<double>& exact) {
  REQUIRE(actual.size() == exact.size());
  constexpr double kRounding = std::is_same_v<T, float> ? 0 : 1.0 / 256;
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < exact.size(); ++i) {
    const double got = value(actual[i]);
    if (!std::isfinite(got)) return INFINITY;
    worst = std::max(worst, std::abs(got - exact[i]) - std::abs(exact[i]) * kRounding);
    largest = std::max(largest, std::abs(exact[i]));
  }
  return worst / largest;
}

double gelu(double x) {
  return x * 0.5 * std::erfc(-x / std::sqrt(2.0));
}

/** A matrix, and memory for its packing. */
template <class T>
struct Matrix {
  static constexpr bool kSplit = std::is_same_v<T, float>;
  int64_t out, in;
  std::vector<T> plain;
  std::vector<BFloat16> packed;
  std::vector<float> bias;

  Matrix(int64_t outputs, int64_t inputs, int64_t taps = 1)
      : out(outputs),
        in(inputs),
        plain(numbers<T>(out * in, 1, 1 / std::sqrt(static_cast<float>(in)))),
        packed(plain.size() * (kSplit ? 2 : 1)),
        bias(dice(out, 2)) {
    pack_tiles(plain.data(), out, in, packed.data(), taps);
  }
  TileMatrix tiles() const { return {packed.data(), bias.data(), out, in, kSplit}; }
  double at(int64_t o, int64_t i) const { return value(plain[static_cast<size_t>(o * in + i)]); }
};

/** The `size` numbers that a product gives. */
template <class T>
std::vector<T> result(TileProduct p, int64_t size, bool plain) {
  std::vector<T> y(static_cast<size_t>(size));
  std::vector<BFloat16> memory(static_cast<size_t>(tile_product_workspace(p) / 2));
  p.y = y.data();
  run_tile_product(p, memory.data(), plain);
  return y;
}

/** With plain tiles, and with AMX's if they are there. */
template <class Run>
void on_each(Run run) {
  if (!has_tile_vectors()) {
    MESSAGE("no AVX-512 with VBMI and BF16 here");
    return;
  }
  run(true);
  if (has_tiles()) run(false);
}

TEST_CASE_TEMPLATE("products on tiles are exact sums, rounded once", T, float, BFloat16) {
  on_each([](bool plain) {
    for (const auto& [rows, out, in] :
         {std::array<int64_t, 3>{1, 32, 32}, {2, 64, 96}, {77, 320, 64}, {300, 96, 320}, {1100, 64, 32}}) {
      CAPTURE(rows);
      const Matrix<T> w(out, in);
      const auto x = numbers<T>(rows * in, 3), added = numbers<T>(rows * out, 4);
      TileProduct p{.w = w.tiles(), .x = x.data(), .width = in, .rows = rows};
      p.added = added.data();
      const auto y = result<T>(p, rows * out, plain);
      std::vector<double> exact;
      for (int64_t r = 0; r < rows; ++r) {
        for (int64_t o = 0; o < out; ++o) {
          double sum = w.bias[static_cast<size_t>(o)] + value(added[static_cast<size_t>(r * out + o)]);
          for (int64_t i = 0; i < in; ++i) sum += w.at(o, i) * value(x[static_cast<size_t>(r * in + i)]);
          exact.push_back(sum);
        }
      }
      CHECK(beyond_rounding(y, exact) <= 1e-5);
    }
  });
}

TEST_CASE_TEMPLATE("rows on tiles whose ends are in another array give the bits of whole rows", T, float, BFloat16) {
  on_each([](bool plain) {
    for (const auto& [rows, width, ends, out] :
         {std::array<int64_t, 4>{1, 32, 32, 32}, {77, 64, 96, 64}, {300, 96, 32, 96}, {1100, 32, 64, 32}}) {
      CAPTURE(rows);
      const int64_t in = width + ends;
      const Matrix<T> w(out, in);
      const auto x = numbers<T>(rows * in, 3), added = numbers<T>(rows * out, 4);
      std::vector<T> first, last;
      for (int64_t i = 0; i < rows * in; ++i) (i % in < width ? first : last).push_back(x[static_cast<size_t>(i)]);
      TileProduct p{.w = w.tiles(), .x = x.data(), .width = in, .rows = rows};
      p.added = added.data();
      const auto whole = result<T>(p, rows * out, plain);
      p.x = first.data(), p.ends = last.data(), p.ends_width = ends;
      const auto joined = result<T>(p, rows * out, plain);
      CHECK(std::memcmp(joined.data(), whole.data(), whole.size() * sizeof(T)) == 0);
    }
  });
}

TEST_CASE_TEMPLATE("thin products on tiles add to the sums, and nothing where their share is 0", T, float, BFloat16) {
  on_each([](bool plain) {
    // The last: many outputs of few rows, which several units share.
    for (const auto& [rows, out, in, rank] :
         {std::array<int64_t, 4>{1, 32, 32, 32}, {77, 96, 64, 64}, {600, 64, 96, 32}, {70, 2048, 64, 32}}) {
      CAPTURE(rows);
      const Matrix<T> w(out, in), down(rank, in), up(out, rank);
      const auto x = numbers<T>(rows * in, 3), added = numbers<T>(rows * out, 4);
      std::vector<float> shares(50);
      for (size_t i = 0; i < shares.size(); ++i) shares[i] = i < 40 ? 0.5f * static_cast<float>(i % 3) : 0;
      const auto share = [&](int64_t row) { return shares[static_cast<size_t>(row) % shares.size()]; };
      TileProduct p{.w = w.tiles(), .x = x.data(), .width = in, .rows = rows};
      p.added = added.data();
      const auto without = result<T>(p, rows * out, plain);
      const float half = -0.5f;
      p.thin = {{down.tiles(), up.tiles(), shares.data(), 50}, {down.tiles(), up.tiles(), &half, 1}};
      const auto both = result<T>(p, rows * out, plain);
      p.thin.pop_back();
      const auto one = result<T>(p, rows * out, plain);
      p.w.weights = nullptr, p.w.bias = nullptr;
      const auto alone = result<T>(p, rows * out, plain);
      std::vector<double> exact, exact_both, exact_alone;
      for (int64_t r = 0; r < rows; ++r) {
        std::vector<double> made(static_cast<size_t>(rank));
        for (int64_t k = 0; k < rank; ++k)
          for (int64_t i = 0; i < in; ++i)
            made[static_cast<size_t>(k)] += down.at(k, i) * value(x[static_cast<size_t>(r * in + i)]);
        for (int64_t o = 0; o < out; ++o) {
          const auto at = static_cast<size_t>(r * out + o);
          double sum = 0, thin = 0;
          for (int64_t i = 0; i < in; ++i) sum += w.at(o, i) * value(x[static_cast<size_t>(r * in + i)]);
          for (int64_t k = 0; k < rank; ++k) thin += up.at(o, k) * made[static_cast<size_t>(k)];
          sum += w.bias[static_cast<size_t>(o)] + value(added[at]);
          exact.push_back(sum + share(r) * thin);
          exact_both.push_back(sum + (share(r) + half) * thin);
          exact_alone.push_back(value(added[at]) + share(r) * thin);
          if (share(r) != 0) continue;
          CHECK(value(one[at]) == value(without[at]));
          CHECK(value(alone[at]) == value(added[at]));
        }
      }
      const double bound = std::is_same_v<T, float> ? 1e-5 : 4e-3;  // what is thin in between is rounded
      CHECK(beyond_rounding(one, exact) <= bound);
      CHECK(beyond_rounding(both, exact_both) <= bound);
      CHECK(beyond_rounding(alone, exact_alone) <= bound);
    }
  });
}

/** Numbers of which 32 high parts stand before 32 low ones. */
std::vector<float> joined(const std::vector<BFloat16>& split) {
  std::vector<float> x(split.size() / 2);
  for (size_t i = 0; i < x.size(); ++i)
    x[i] = value(split[i / 32 * 64 + i % 32]) + value(split[i / 32 * 64 + 32 + i % 32]);
  return x;
}

TEST_CASE_TEMPLATE("a gated product on tiles is a gelu(g)", T, float, BFloat16) {
  on_each([](bool plain) {
    constexpr int64_t kRows = 50, kOut = 192, kIn = 64, kResults = kRows * kOut / 2;
    const Matrix<T> w(kOut, kIn);
    const auto x = numbers<T>(kRows * kIn, 3);
    const TileProduct p{.w = w.tiles(), .x = x.data(), .width = kIn, .rows = kRows, .gated = true};
    std::vector<T> y;
    if constexpr (w.kSplit)
      y = joined(result<BFloat16>(p, 2 * kResults, plain));
    else
      y = result<T>(p, kResults, plain);
    std::vector<double> exact;
    for (int64_t r = 0; r < kRows; ++r) {
      for (int64_t o = 0; o < kOut / 2; ++o) {
        double a = w.bias[static_cast<size_t>(o)], g = w.bias[static_cast<size_t>(o + kOut / 2)];
        for (int64_t i = 0; i < kIn; ++i) {
          const double number = value(x[static_cast<size_t>(r * kIn + i)]);
          a += w.at(o, i) * number, g += w.at(o + kOut / 2, i) * number;
        }
        exact.push_back(a * gelu(g));
      }
    }
    CHECK(beyond_rounding(y, exact) <= 1e-5);
  });
}

/** The convolution's plain sum at one result. */
template <class T>
double exact_pixel(const TileConv& c, const Matrix<T>& w, const std::vector<T>& x, int64_t b, int64_t v, int64_t u,
                   int64_t o) {
  const int64_t height = (c.height + c.scale - 1) / c.scale, width = (c.width + c.scale - 1) / c.scale;
  double sum = w.bias[static_cast<size_t>(o)];
  for (int64_t tap = 0; tap < 9; ++tap) {
    const int64_t row = v + tap / 3 - 1, column = u + tap % 3 - 1;
    if (row < 0 || row >= c.height || column < 0 || column >= c.width) continue;
    const int64_t pixel = (b * height + row / c.scale) * width + column / c.scale;
    for (int64_t i = 0; i < c.in; ++i) sum += w.at(o, tap * c.in + i) * value(x[static_cast<size_t>(pixel * c.in + i)]);
  }
  return sum;
}

TEST_CASE_TEMPLATE("3x3 convolutions on tiles are exact sums over a border of zeros, rounded once", T, float,
                   BFloat16) {
  on_each([](bool plain) {
    for (const TileConv& c : {TileConv{1, 1, 1, 32, 32},
                              {2, 5, 7, 32, 64},
                              {3, 8, 8, 64, 32},
                              {1, 17, 33, 32, 32},
                              {1, 20, 30, 96, 64},
                              {2, 8, 6, 32, 32, 2},
                              {1, 7, 9, 64, 32, 2}}) {
      CAPTURE(c.height);
      CAPTURE(c.scale);
      const Matrix<T> w(c.out, 9 * c.in, 9);
      const int64_t pixels = c.height * c.width;
      const auto x = numbers<T>(c.batch * ((c.height + 1) / c.scale) * ((c.width + 1) / c.scale) * c.in * c.scale, 3);
      const auto added = numbers<T>(c.batch * pixels * c.out, 4), per_row = numbers<T>(c.batch * c.out, 5);
      std::vector<T> y(added.size());
      run_tile_conv(c, w.tiles(), x.data(), per_row.data(), added.data(), y.data(), plain);
      std::vector<double> exact;
      for (int64_t i = 0; i < static_cast<int64_t>(y.size()); ++i) {
        const int64_t o = i % c.out, pixel = i / c.out, b = pixel / pixels;
        exact.push_back(exact_pixel(c, w, x, b, pixel % pixels / c.width, pixel % c.width, o) +
                        value(added[static_cast<size_t>(i)]) + value(per_row[static_cast<size_t>(b * c.out + o)]));
      }
      CHECK(beyond_rounding(y, exact) <= 1e-5);
    }
  });
}

TEST_CASE_TEMPLATE("a row on tiles has the same bits wherever it stands, on any number of threads", T, float,
                   BFloat16) {
  on_each([](bool plain) {
    constexpr int64_t kRows = 200, kOut = 64, kIn = 96;
    const Matrix<T> w(kOut, kIn);
    const auto x = numbers<T>(kRows * kIn, 3);
    const auto run = [&](int64_t first, int64_t rows) {
      const TileProduct p{.w = w.tiles(), .x = x.data() + first * kIn, .width = kIn, .rows = rows};
      std::vector<float> y;
      for (const T& z : result<T>(p, rows * kOut, plain)) y.push_back(value(z));
      return y;
    };
    set_threads(1);
    const auto all = run(0, kRows);
    set_threads(2);
    CHECK(run(0, kRows) == all);
    set_threads(0);
    for (const int64_t first : {0, 1, 31, 32, 77, 199}) {
      const auto one = run(first, 1);
      CHECK(std::equal(one.begin(), one.end(), all.begin() + first * kOut));
    }
  });
}

/** The result of one row, all of whose numbers are x, times rows of ones and of `weight`. */
std::vector<float> product_of(float x, float weight, bool plain) {
  constexpr int64_t kIn = 32, kOut = 32;
  Matrix<float> w(kOut, kIn);
  std::fill(w.plain.begin(), w.plain.end(), weight);
  std::fill(w.bias.begin(), w.bias.end(), 0.0f);
  pack_tiles(w.plain.data(), kOut, kIn, w.packed.data());
  const std::vector<float> row(kIn, x);
  return result<float>({.w = w.tiles(), .x = row.data(), .width = kIn, .rows = 1}, kOut, plain);
}

TEST_CASE("what is not finite does not become so in a split product, and what is tiny does no harm") {
  on_each([](bool plain) {
    for (const float x : {INFINITY, -INFINITY, NAN}) {
      for (const float y : product_of(x, 0.3f, plain)) CHECK_FALSE(std::isfinite(y));
      for (const float y : product_of(1.7f, x, plain)) CHECK_FALSE(std::isfinite(y));
    }
    for (const float y : product_of(1e-40f, 0.3f, plain)) CHECK(std::abs(y) <= 1e-38f);
    for (const float y : product_of(3e37f, 0.1f, plain)) CHECK(y == doctest::Approx(32 * 3e36).epsilon(1e-5));
  });
}

}  // namespace
}  // namespace corepulse::kernels
