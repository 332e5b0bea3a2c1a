#include "kernels/attention.h"

#include <doctest/doctest.h>
#include <limits>

#include "corepulse/error.h"

#include "numbers.h"

namespace corepulse {
namespace {

using kernels::attention;
using kernels::AttentionOptions;
constexpr float kMasked = -std::numeric_limits<float>::infinity();

struct Case {
  int batch, queries, keys, heads, size;
  bool causal = false, bias = false;
  float spread = 1;
};

struct Inputs {
  mx::array q, k, v;
  AttentionOptions options;
};

Inputs make(const Case& c) {
  const int width = c.heads * c.size;
  Inputs in{normal({c.batch, c.queries, width}, 1, c.spread),
            normal({c.batch, c.keys, width}, 2, c.spread),
            normal({c.batch, c.keys, width}, 3),
            {}};
  in.options = {c.heads, 1 / std::sqrt(static_cast<float>(c.size)), c.causal, {}};
  if (c.bias) {
    auto numbers = floats(normal({c.batch, c.keys}, 4, 2));
    for (size_t i = 0; i < numbers.size(); i += 3) numbers[i] = kMasked;
    in.options.bias = mx::array(numbers.begin(), {c.batch, c.keys}, mx::float32);
  }
  return in;
}

/** softmax(scale q k + bias) v of one query of one head, in double. */
void exact_row(const Case& c, const Inputs& in, const Doubles& q, const Doubles& k, const Doubles& v,
               const Doubles& bias, int b, int h, int i, Doubles& out) {
  const int width = c.heads * c.size;
  const auto at = [&](int row, int rows, int d) {
    return static_cast<size_t>((b * rows + row) * width + h * c.size + d);
  };
  Doubles weight(static_cast<size_t>(c.keys));
  double highest = kMasked, total = 0;
  for (int j = 0; j < c.keys; ++j) {
    double dot = 0;
    for (int d = 0; d < c.size; ++d) dot += q[at(i, c.queries, d)] * k[at(j, c.keys, d)];
    const double logit = in.options.scale * dot + (c.bias ? bias[static_cast<size_t>(b * c.keys + j)] : 0);
    weight[static_cast<size_t>(j)] = c.causal && j > i ? kMasked : logit;
    highest = std::max(highest, weight[static_cast<size_t>(j)]);
  }
  for (auto& w : weight) total += w = w == kMasked ? 0 : std::exp(w - highest);
  for (int j = 0; j < c.keys && total > 0; ++j) {
    for (int d = 0; d < c.size; ++d)
      out[at(i, c.queries, d)] += weight[static_cast<size_t>(j)] / total * v[at(j, c.keys, d)];
  }
}

Doubles exact(const Case& c, const Inputs& in) {
  const auto q = doubles(in.q), k = doubles(in.k), v = doubles(in.v);
  const auto bias = c.bias ? doubles(*in.options.bias) : Doubles{};
  Doubles out(q.size(), 0.0);
  for (int b = 0; b < c.batch; ++b) {
    for (int h = 0; h < c.heads; ++h) {
      for (int i = 0; i < c.queries; ++i) exact_row(c, in, q, k, v, bias, b, h, i, out);
    }
  }
  return out;
}

const Case kCases[] = {
    {1, 1, 1, 1, 1},
    {2, 64, 64, 8, 40},
    {2, 65, 77, 5, 64},
    {1, 13, 300, 3, 80},
    {2, 8, 513, 2, 160},
    {1, 7, 131, 1, 512},
    {3, 29, 31, 3, 7},
    {4, 5, 17, 2, 33},
    {1, 200, 77, 4, 40},
    {2, 50, 600, 2, 97},
    {1, 20, 20, 2, 257},
    {1, 6, 256, 2, 129},
    {2, 77, 77, 3, 64, true},
    {1, 300, 300, 2, 20, true},
    {1, 7, 5, 1, 8, true},
    {1, 5, 300, 1, 8, true},
    {2, 33, 77, 2, 40, false, true},
    {2, 77, 77, 2, 16, true, true},
    {1, 9, 700, 1, 24, false, true},
};

mx::array rows(const mx::array& x, int begin, int end) {
  return mx::slice(x, {0, begin, 0}, {x.shape(0), end, x.shape(2)});
}

mx::array batch_row(const mx::array& x, int b) {
  mx::Shape start(x.ndim(), 0), stop = x.shape();
  start[0] = b;
  stop[0] = b + 1;
  return mx::slice(x, start, stop);
}

TEST_CASE("attention is softmax(scale q k + bias) v") {
  for (const auto& c : kCases) {
    CAPTURE(c.queries);
    CAPTURE(c.keys);
    CAPTURE(c.size);
    const auto in = make(c);
    const auto truth = exact(c, in);
    CHECK(error(attention(in.q, in.k, in.v, in.options), truth) <= (kernels::isa() == "amx" ? 1e-5 : 2e-6));
    CHECK(error(kernels::attention_reference(in.q, in.k, in.v, in.options), truth) <= 1e-5);
  }
}

TEST_CASE("attention reads inputs of any strides") {
  const Case c{2, 21, 30, 3, 40, false, true};
  auto in = make(c);
  const auto plain = attention(in.q, in.k, in.v, in.options);
  in.options.bias = as_slice(*in.options.bias);
  CHECK(same(attention(as_slice(in.q), strided(in.k), as_slice(in.v), in.options), plain));
}

TEST_CASE("attention stays exact where one key outweighs all others") {
  const Case c{1, 40, 300, 2, 40, false, false, 4};
  const auto in = make(c);
  CHECK(error(attention(in.q, in.k, in.v, in.options), exact(c, in)) <= 1e-5);
}

TEST_CASE("a query's attention has the same bits whatever other queries stand beside it") {
  for (const auto& c : {Case{2, 250, 77, 2, 40}, Case{1, 120, 300, 2, 65, false, true}, Case{1, 70, 130, 1, 512}}) {
    const auto in = make(c);
    const auto all = attention(in.q, in.k, in.v, in.options);
    for (const auto& [begin, end] : {std::pair{0, 1}, {1, 2}, {5, 12}, {c.queries - 1, c.queries}, {3, c.queries}})
      CHECK(same(attention(rows(in.q, begin, end), in.k, in.v, in.options), rows(all, begin, end)));
  }
}

TEST_CASE("a causal query's attention has the same bits whatever queries follow it") {
  const auto in = make({1, 300, 300, 2, 40, true});
  const auto all = attention(in.q, in.k, in.v, in.options);
  for (const int n : {1, 6, 7, 95, 97, 299})
    CHECK(same(attention(rows(in.q, 0, n), in.k, in.v, in.options), rows(all, 0, n)));
}

TEST_CASE("a batch row's attention has the same bits alone") {
  const Case c{3, 50, 77, 4, 40, false, true};
  const auto in = make(c);
  const auto all = attention(in.q, in.k, in.v, in.options);
  for (int b = 0; b < c.batch; ++b) {
    auto options = in.options;
    options.bias = batch_row(*options.bias, b);
    CHECK(same(attention(batch_row(in.q, b), batch_row(in.k, b), batch_row(in.v, b), options), batch_row(all, b)));
  }
}

TEST_CASE("attention has the same bits on any number of threads") {
  const auto in = make({2, 250, 300, 3, 40});
  const auto run = [&](int n) {
    kernels::set_threads(n);
    auto y = attention(in.q, in.k, in.v, in.options);
    y.eval();
    kernels::set_threads(0);
    return y;
  };
  const auto one = run(1);
  CHECK(same(run(2), one));
  CHECK(same(run(5), one));
}

TEST_CASE("a masked key counts for nothing") {
  const Case c{1, 20, 77, 2, 40};
  auto in = make(c);
  std::vector<float> bias(77, 0.0f);
  for (size_t j = 40; j < 77; ++j) bias[j] = kMasked;
  auto masked = in.options;
  masked.bias = mx::array(bias.begin(), {1, 77}, mx::float32);
  const auto y = attention(in.q, in.k, in.v, masked);
  CHECK(error(y, attention(in.q, rows(in.k, 0, 40), rows(in.v, 0, 40), in.options)) <= 1e-6);
}

TEST_CASE("a query whose keys are all masked gives zeros") {
  auto in = make({2, 9, 300, 2, 40});
  std::vector<float> bias(600, 0.0f);
  std::fill(bias.begin() + 300, bias.end(), kMasked);
  in.options.bias = mx::array(bias.begin(), {2, 300}, mx::float32);
  const auto y = attention(in.q, in.k, in.v, in.options);
  CHECK(same(batch_row(y, 1), mx::zeros({1, 9, 80})));
  CHECK(error(batch_row(y, 0), batch_row(attention(in.q, in.k, in.v, {2, in.options.scale, false, {}}), 0)) == 0);
  CHECK(error(kernels::attention_reference(in.q, in.k, in.v, in.options), y) <= 1e-5);
}

TEST_CASE("a NaN in a query reaches that query's result and no other") {
  const auto in = make({1, 8, 20, 1, 16});
  auto numbers = floats(in.q);
  numbers[3 * 16 + 5] = std::numeric_limits<float>::quiet_NaN();
  const auto y = floats(attention(mx::array(numbers.begin(), {1, 8, 16}, mx::float32), in.k, in.v, in.options));
  for (size_t i = 0; i < y.size(); ++i) CHECK(std::isnan(y[i]) == (i / 16 == 3));
}

TEST_CASE("attention over no keys gives zeros and over no queries nothing") {
  const auto q = normal({1, 4, 8}, 1), none = mx::zeros({1, 0, 8});
  CHECK(same(attention(q, none, none, {}), mx::zeros({1, 4, 8})));
  CHECK(attention(none, q, q, {}).size() == 0);
}

TEST_CASE("attention refuses shapes that do not fit") {
  const auto q = normal({1, 4, 12}, 1), other = normal({1, 4, 8}, 1), wide = normal({1, 2, 513}, 1);
  CHECK_THROWS_AS(attention(q, other, other, {}), Error);
  CHECK_THROWS_AS(attention(q, q, q, {5, 1, false, {}}), Error);
  CHECK_THROWS_AS(attention(q, q, q, {0, 1, false, {}}), Error);
  CHECK_THROWS_AS(attention(wide, wide, wide, {}), Error);
  CHECK_THROWS_AS(attention(q, q, q, {1, 1, false, mx::zeros({1, 5})}), Error);
}

}  // namespace
}  // namespace corepulse
