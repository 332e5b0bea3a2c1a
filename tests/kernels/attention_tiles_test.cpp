// Attention on tiles: AMX's where the processor has them, and everywhere the same code on tiles in plain C++. In
// bfloat16 the weights are rounded to its 8 digits, in float32 numbers are split: hence the bounds.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <limits>
#include <random>
#include <vector>

#include "kernels/amx/attention.h"
#include "kernels/device.h"

namespace corepulse::kernels {
namespace {

constexpr float kMasked = -std::numeric_limits<float>::infinity();
template <class T>
constexpr double kBound = std::is_same_v<T, float> ? 1e-5 : 1e-2;  // of the largest result

struct Case {
  int64_t batch, heads, queries, keys, size;
  float spread = 1;
};

template <class T>
struct Call {
  using Numbers = std::vector<T>;
  Case c;
  Numbers q, k, v;
  std::vector<float> bias;

  explicit Call(const Case& sizes) : c(sizes) {
    std::mt19937 generator(7);
    std::normal_distribution<float> dice;
    const auto fill = [&](Numbers& x, int64_t rows, float spread) {
      x.resize(static_cast<size_t>(c.batch * rows * c.heads * c.size));
      for (auto& y : x) assign(y, dice(generator) * spread);
    };
    fill(q, c.queries, c.spread), fill(k, c.keys, c.spread), fill(v, c.keys, 1);
  }
  Call& with_bias() {
    std::mt19937 generator(8);
    std::normal_distribution<float> dice(0, 2);
    for (int64_t i = 0; i < c.batch * c.keys; ++i) bias.push_back(i % 3 == 0 ? kMasked : dice(generator));
    return *this;
  }
  TileAttention task(Numbers& out) const {
    T filler;
    assign(filler, 77);
    out.assign(q.size(), filler);
    return {c.batch,   c.heads,
            c.queries, c.keys,
            c.size,    1 / std::sqrt(static_cast<float>(c.size)),
            q.data(),  k.data(),
            v.data(),  bias.empty() ? nullptr : bias.data(),
            out.data()};
  }
  /** On plain tiles; on AMX's too where they are, which must be near: they round sums of logits in another way. */
  Numbers run() const {
    const float logits = std::is_same_v<T, float> ? c.spread * c.spread : 1;
    Numbers plain, real;
    attend_with_tiles(task(plain), true);
    if (!has_tiles()) return plain;
    attend_with_tiles(task(real));
    for (size_t i = 0; i < plain.size(); ++i) {
      const float a = value(plain[i]), b = value(real[i]);
      if (std::isnan(a) || std::isnan(b))
        CHECK(std::isnan(a) == std::isnan(b));
      else if (std::abs(a - b) > 2 * kBound<T> * logits * (1 + std::abs(a)))
        FAIL_CHECK("AMX's tiles say " << b << ", plain ones " << a);
    }
    return real;
  }
  int64_t at(int64_t b, int64_t row, int64_t rows, int64_t head, int64_t d) const {
    return ((b * rows + row) * c.heads + head) * c.size + d;
  }
  std::vector<double> exact_row(int64_t b, int64_t head, int64_t row) const;
  double error(const Numbers& y) const;
};

template <class T>
std::vector<double> Call<T>::exact_row(int64_t b, int64_t head, int64_t row) const {
  std::vector<double> weights, out(static_cast<size_t>(c.size), 0.0);
  double highest = kMasked, total = 0;
  for (int64_t j = 0; j < c.keys; ++j) {
    double dot = 0;
    for (int64_t d = 0; d < c.size; ++d)
      dot += double{value(q[static_cast<size_t>(at(b, row, c.queries, head, d))])} *
             value(k[static_cast<size_t>(at(b, j, c.keys, head, d))]);
    weights.push_back(dot / std::sqrt(static_cast<double>(c.size)) +
                      (bias.empty() ? 0 : bias[static_cast<size_t>(b * c.keys + j)]));
    highest = std::max(highest, weights.back());
  }
  for (auto& w : weights) total += w = w == kMasked ? 0 : std::exp(w - highest);
  for (int64_t j = 0; j < c.keys && total > 0; ++j) {
    for (int64_t d = 0; d < c.size; ++d)
      out[static_cast<size_t>(d)] +=
          weights[static_cast<size_t>(j)] / total * value(v[static_cast<size_t>(at(b, j, c.keys, head, d))]);
  }
  return out;
}

template <class T>
double Call<T>::error(const Numbers& y) const {
  double worst = 0, largest = 1e-30;
  for (int64_t b = 0; b < c.batch; ++b) {
    for (int64_t head = 0; head < c.heads; ++head) {
      for (int64_t row = 0; row < c.queries; row += c.queries > 300 ? 37 : 1) {
        const auto truth = exact_row(b, head, row);
        for (int64_t d = 0; d < c.size; ++d) {
          const double got = value(y[static_cast<size_t>(at(b, row, c.queries, head, d))]);
          if (!std::isfinite(got)) return INFINITY;
          worst = std::max(worst, std::abs(got - truth[static_cast<size_t>(d)]));
          largest = std::max(largest, std::abs(truth[static_cast<size_t>(d)]));
        }
      }
    }
  }
  return worst / largest;
}

template <class T>
bool same_bits(const T* a, const T* b, size_t n) {
  return std::memcmp(a, b, n * sizeof(T)) == 0;
}

/** What the vector part needs; without it there is nothing to test. */
bool there() {
  if (has_tile_vectors()) return true;
  MESSAGE("no AVX-512 with VBMI and BF16 here");
  return false;
}

TEST_CASE_TEMPLATE("attention on tiles is softmax(scale q k + bias) v within its type's rounding", T, float, BFloat16) {
  if (!there()) return;
  for (const Case& c : {Case{1, 1, 1, 1, 1},
                        {2, 3, 64, 64, 40},
                        {2, 2, 65, 77, 64},
                        {1, 3, 13, 300, 80},
                        {2, 2, 8, 513, 160},
                        {1, 1, 7, 131, 512},
                        {3, 3, 29, 31, 7},
                        {4, 2, 5, 17, 33},
                        {1, 2, 600, 77, 40},
                        {1, 2, 50, 600, 97},
                        {1, 2, 20, 20, 257},
                        {8, 1, 32, 32, 32},
                        {1, 1, 33, 129, 128},
                        {1, 1, 257, 64, 16},
                        {1, 1, 40, 96, 48},
                        {1, 1, 70, 300, 300},
                        {1, 1, 40, 420, 512}}) {
    CAPTURE(c.queries);
    CAPTURE(c.keys);
    CAPTURE(c.size);
    const Call<T> plain(c), biased = Call<T>(c).with_bias();
    CHECK(plain.error(plain.run()) <= kBound<T>);
    CHECK(biased.error(biased.run()) <= kBound<T>);
  }
}

TEST_CASE_TEMPLATE("attention on tiles stays exact where the first keys say little of the others", T, float, BFloat16) {
  if (!there()) return;
  Call<T> strong({1, 2, 70, 300, 40, 6});
  CHECK(strong.error(strong.run()) <= kBound<T>);
  Call<T> stronger({1, 1, 64, 600, 80, 20});
  CHECK(stronger.error(stronger.run()) <= kBound<T>);
  Call<T> late({2, 1, 33, 450, 64});  // the first keys are masked, and then all but masked
  late.bias.assign(900, 0.0f);
  std::fill_n(late.bias.begin(), 200, kMasked), std::fill_n(late.bias.begin() + 200, 40, -300.0f);
  std::fill_n(late.bias.begin() + 450, 40, -1e30f);
  CHECK(late.error(late.run()) <= kBound<T>);
}

TEST_CASE_TEMPLATE("a query on tiles has the same bits whatever other queries and batch rows stand beside it", T, float,
                   BFloat16) {
  if (!there()) return;
  // A wide spread, so that some queries of a block are done again and others are not.
  for (const float spread : {1.0f, 4.0f}) {
    const Call<T> all({2, 2, 100, 150, 40, spread});
    const auto y = all.run();
    for (const int64_t row : {0, 31, 32, 99}) {
      Call<T> one({1, 2, 1, 150, 40, spread});
      std::copy_n(all.q.begin() + all.at(1, row, 100, 0, 0), 80, one.q.begin());
      std::copy_n(all.k.begin() + all.at(1, 0, 150, 0, 0), one.k.size(), one.k.begin());
      std::copy_n(all.v.begin() + all.at(1, 0, 150, 0, 0), one.v.size(), one.v.begin());
      CHECK(same_bits(one.run().data(), y.data() + all.at(1, row, 100, 0, 0), 80));
    }
  }
}

TEST_CASE_TEMPLATE("attention on tiles has the same bits on any number of threads", T, float, BFloat16) {
  if (!there()) return;
  const Call<T> call = Call<T>({2, 3, 600, 300, 40}).with_bias();
  const auto with = [&](int n) {
    set_threads(n);
    auto y = call.run();
    set_threads(0);
    return y;
  };
  const auto one = with(1);
  CHECK(same_bits(with(2).data(), one.data(), one.size()));
  CHECK(same_bits(with(5).data(), one.data(), one.size()));
}

TEST_CASE_TEMPLATE("on tiles too, masked keys count for nothing and no keys give zeros", T, float, BFloat16) {
  if (!there()) return;
  Call<T> masked({2, 1, 40, 77, 40}), shorter({1, 1, 40, 30, 40});
  masked.bias.assign(154, 0.0f);
  std::fill_n(masked.bias.begin() + 30, 47, kMasked), std::fill_n(masked.bias.begin() + 77, 77, kMasked);
  shorter.q.assign(masked.q.begin(), masked.q.begin() + 1600);
  shorter.k.assign(masked.k.begin(), masked.k.begin() + 1200);
  shorter.v.assign(masked.v.begin(), masked.v.begin() + 1200);
  const auto y = masked.run();
  CHECK(same_bits(y.data(), shorter.run().data(), 1600));
  for (size_t i = 1600; i < 3200; ++i) CHECK(value(y[i]) == 0.0f);
}

TEST_CASE_TEMPLATE("what is not a number stays with its query, or with its value's column", T, float, BFloat16) {
  if (!there()) return;
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    Call<T> query({1, 1, 50, 40, 16});
    assign(query.q[33 * 16 + 5], bad);
    auto y = query.run();
    for (size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(value(y[i])) == (i / 16 == 33));
    Call<T> column({1, 1, 50, 40, 16});
    assign(column.v[21 * 16 + 3], bad);
    y = column.run();
    for (size_t i = 0; i < y.size(); ++i) CHECK(std::isfinite(value(y[i])) == (i % 16 != 3));
  }
}

}  // namespace
}  // namespace corepulse::kernels
