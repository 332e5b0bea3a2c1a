// The rounding model of bfloat16: a kernel computes in float32 (matrix products: exact products, float32 sums) on its
// rounded inputs and rounds its result once. So it is the float32 kernel on the same inputs, within half a unit of the
// last of bfloat16's 8 digits.
#include <bit>
#include <doctest/doctest.h>

#include "kernels/activation.h"
#include "kernels/attention.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "numbers.h"

namespace corepulse {
namespace {

mx::array bf16(const mx::array& x) {
  return mx::astype(x, mx::bfloat16);
}
mx::array f32(const mx::array& x) {
  return mx::astype(x, mx::float32);
}

/** Largest |actual - exact| beyond half a unit of exact's last digit, relative to the largest |exact|. */
double beyond_rounding(const mx::array& actual, const mx::array& exact) {
  REQUIRE(actual.dtype() == mx::bfloat16);
  REQUIRE(actual.shape() == exact.shape());
  const auto a = doubles(f32(actual)), e = doubles(exact);
  double worst = 0, largest = 1e-30;
  for (size_t i = 0; i < a.size(); ++i) {
    if (!std::isfinite(a[i])) return INFINITY;
    worst = std::max(worst, std::abs(a[i] - e[i]) - std::abs(e[i]) / 256);
    largest = std::max(largest, std::abs(e[i]));
  }
  return std::max(worst, 0.0) / largest;
}

bool same_bf16(const mx::array& a, const mx::array& b) {
  return same_bits(f32(a), f32(b));
}

constexpr double kBound = 1e-5;  // sums in another order

TEST_CASE("bfloat16 linear layers and convolutions round their inputs and their result, nothing else") {
  if (!kernels::has_bf16()) return;
  for (const auto& [rows, in, out] :
       {std::array{1, 3, 5}, {2, 64, 320}, {77, 17, 33}, {154, 768, 40}, {300, 320, 64}}) {
    CAPTURE(rows);
    const auto x = bf16(normal({rows, in}, 1)), w = bf16(normal({out, in}, 2));
    const auto bias = normal({out}, 3);
    const kernels::Linear layer(w, bias), wide(f32(w), bias), bare(w, std::nullopt), bare_wide(f32(w), std::nullopt);
    CHECK(beyond_rounding(layer(x), wide(f32(x))) <= kBound);
    CHECK(beyond_rounding(bare(x), bare_wide(f32(x))) <= kBound);
    CHECK(same_bf16(layer(x), layer(x)));
    CHECK(same_bf16(layer(bf16(strided(f32(x)))), layer(x)));
    const auto parts = mx::split(x, mx::Shape{in / 2}, -1);
    CHECK(same_bf16(layer(kernels::Beside(parts[0], parts[1])), layer(x)));
  }
  for (const auto& [batch, size, in, out, k, stride] : {std::array{2, 8, 32, 64, 3, 1},
                                                        {1, 9, 4, 20, 3, 1},
                                                        {3, 7, 33, 5, 3, 2},
                                                        {1, 16, 64, 4, 3, 1},
                                                        {8, 5, 16, 48, 1, 1},
                                                        {1, 1, 3, 3, 3, 1}}) {
    CAPTURE(in);
    CAPTURE(out);
    const auto x = bf16(normal({batch, size, size, in}, 1)), w = bf16(normal({out, k, k, in}, 2));
    const auto bias = normal({out}, 3);
    const auto padding = kernels::Padding::same(k / 2);
    const kernels::Conv2d layer(w, bias, stride, padding), wide(f32(w), bias, stride, padding);
    CHECK(beyond_rounding(layer(x), wide(f32(x))) <= kBound);
    CHECK(same_bf16(layer(x), layer(x)));
  }
}

TEST_CASE("bfloat16 attention rounds its inputs and its result, and no query sees its neighbours") {
  for (const auto& [batch, queries, keys, heads, size] : {std::array{2, 64, 64, 8, 40},
                                                          {2, 65, 77, 5, 64},
                                                          {1, 13, 300, 3, 80},
                                                          {1, 7, 131, 1, 512},
                                                          {3, 29, 31, 3, 7}}) {
    CAPTURE(keys);
    CAPTURE(size);
    const auto q = bf16(normal({batch, queries, heads * size}, 1)), k = bf16(normal({batch, keys, heads * size}, 2));
    const auto v = bf16(normal({batch, keys, heads * size}, 3));
    auto numbers = floats(normal({batch, keys}, 4));
    for (size_t i = 1; i < numbers.size(); i += 3) numbers[i] = -INFINITY;
    kernels::AttentionOptions options{heads, 1 / std::sqrt(static_cast<float>(size)), false, {}};
    for (int biased = 0; biased < 2; ++biased) {
      if (biased) options.bias = mx::array(numbers.begin(), {batch, keys}, mx::float32);
      const auto y = kernels::attention(q, k, v, options);
      // On AMX's tiles the weights are rounded too.
      CHECK(beyond_rounding(y, kernels::attention(f32(q), f32(k), f32(v), options)) <=
            (kernels::has_amx() ? 1e-2 : kBound));
      const auto first = mx::slice(q, {0, 0, 0}, {batch, 5, heads * size});
      if (kernels::use_cpu_kernels(q))
        CHECK(same_bf16(kernels::attention(first, k, v, options), mx::slice(y, {0, 0, 0}, {batch, 5, heads * size})));
    }
  }
}

TEST_CASE("bfloat16 norms and activations round their inputs and their result") {
  for (const auto& shape : {mx::Shape{2, 8, 8, 64}, {3, 7, 5, 34}, {1, 1, 1, 4}}) {
    const auto x = bf16(normal(shape, 1, 2, 1)), weight = normal({shape.back()}, 2), bias = normal({shape.back()}, 3);
    for (const bool silu : {false, true})
      CHECK(beyond_rounding(kernels::group_norm(x, weight, bias, 2, 1e-5f, silu),
                            kernels::group_norm(f32(x), weight, bias, 2, 1e-5f, silu)) <= kBound);
    CHECK(beyond_rounding(kernels::layer_norm(x, weight, bias, 1e-5f),
                          kernels::layer_norm(f32(x), weight, bias, 1e-5f)) <= kBound);
    if (!kernels::use_cpu_kernels(x)) continue;  // MLX's operations round each step
    CHECK(beyond_rounding(kernels::silu(x), kernels::silu(f32(x))) <= kBound);
    CHECK(beyond_rounding(kernels::gelu(x), kernels::gelu(f32(x))) <= kBound);
    CHECK(beyond_rounding(kernels::quick_gelu(x), kernels::quick_gelu(f32(x))) <= kBound);
    CHECK(beyond_rounding(kernels::geglu(x), kernels::geglu(f32(x))) <= kBound);
    CHECK(same_bf16(kernels::upsample2x(x), bf16(kernels::upsample2x(f32(x)))));
    const auto y = bf16(normal(shape, 4)), row = bf16(normal({shape[0], 1, 1, shape[3]}, 5));
    CHECK(same_bf16(kernels::add(x, y), bf16(f32(x) + f32(y))));
    CHECK(same_bf16(kernels::add(x, row), bf16(f32(x) + f32(row))));
  }
}

TEST_CASE("every bfloat16 number comes through unchanged, and sums are rounded to nearest, ties to even") {
  std::vector<float> all, other;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const float x = std::bit_cast<float>(bits << 16);
    if (std::isnan(x)) continue;
    all.push_back(x);
    other.push_back(std::bit_cast<float>((bits * 40503 & 0xbfff) << 16));
    if (!std::isfinite(other.back())) other.back() = 1;
  }
  const mx::Shape shape{static_cast<int>(all.size())};
  const auto x = bf16(mx::array(all.begin(), shape, mx::float32)),
             y = bf16(mx::array(other.begin(), shape, mx::float32));
  CHECK(same_bf16(kernels::add(x, mx::zeros_like(x)), x + mx::zeros_like(x)));
  CHECK(same_bf16(kernels::add(x, y), bf16(f32(x) + f32(y))));
  const auto nan = bf16(mx::full({3}, NAN, mx::float32));
  for (const float n : floats(f32(kernels::add(nan, nan)))) CHECK(std::isnan(n));
}

}  // namespace
}  // namespace corepulse
