// Weights in 8-bit integers: the float32 layer with weights that are off by at most 1/254 of their row's largest.
#include <array>
#include <doctest/doctest.h>

#include "kernels/conv2d.h"
#include "kernels/cpu/narrow.h"
#include "kernels/linear.h"
#include "numbers.h"

namespace corepulse {
namespace {

kernels::LazyArray kept_in_int8(const mx::array& weight) {
  return {weight.shape(), mx::float32, [ready = kernels::LazyArray::ready(weight)] { return ready; }, true};
}

/** The weights that the integers stand for, by plain arithmetic. */
mx::array rounded(const mx::array& weight) {
  auto numbers = floats(weight);
  const size_t rows = static_cast<size_t>(weight.shape(0)), row = numbers.size() / rows;
  for (size_t r = 0; r < rows; ++r) {
    float largest = 0;
    for (size_t i = 0; i < row; ++i) largest = std::max(largest, std::abs(numbers[r * row + i]));
    const float scale = largest / 127;
    for (size_t i = 0; i < row; ++i) {
      float& w = numbers[r * row + i];
      const float kept = scale * std::round(w / scale);
      CHECK(std::abs(kept - w) <= 0.501f * scale);
      w = kept;
    }
  }
  return mx::array(numbers.begin(), weight.shape(), mx::float32);
}

/** Plain layers may be split products on AMX's tiles. */
double bound() {
  return kernels::isa() == "amx" ? 1e-5 : 2e-6;
}

TEST_CASE("linear layers in 8-bit integers are those with rounded weights") {
  if (!own_kernels()) return;
  for (const auto& [rows, in, out] :
       {std::array{1, 3, 5}, {2, 64, 320}, {77, 17, 33}, {154, 768, 40}, {300, 400, 64}}) {
    CAPTURE(in);
    const auto x = normal({rows, in}, 1), w = normal({out, in}, 2), bias = normal({out}, 3),
               added = normal({rows, out}, 4);
    const kernels::Linear layer(kept_in_int8(w), bias), plain(rounded(w), bias);
    CHECK(error(layer(x), plain(x)) <= bound());
    CHECK(error(layer(x, added), plain(x, added)) <= bound());
    CHECK(same_bits(layer(x), layer(x)));
    CHECK(error(layer(x), kernels::Linear(w, bias)(x)) > 1e-5);  // it is another layer
  }
}

TEST_CASE("the gated feed-forward in 8-bit integers is that with rounded weights") {
  if (!own_kernels()) return;
  const auto x = normal({100, 40}, 1), w1 = normal({256, 40}, 2, 0.2f), w2 = normal({40, 128}, 3, 0.1f);
  const auto b1 = normal({256}, 4), b2 = normal({40}, 5);
  const kernels::Linear first(kept_in_int8(w1), b1), second(kept_in_int8(w2), b2);
  const kernels::Linear plain_first(rounded(w1), b1), plain_second(rounded(w2), b2);
  CHECK(error(gated_linear(x, first, second), gated_linear(x, plain_first, plain_second)) <= bound());
}

TEST_CASE("3x3 convolutions in 8-bit integers are those with rounded weights") {
  if (!own_kernels()) return;
  for (const auto& [batch, size, in, out] : {std::array{2, 8, 32, 64}, {1, 9, 112, 16}, {3, 5, 16, 48}}) {
    CAPTURE(in);
    const auto x = normal({batch, size, size, in}, 1), w = normal({out, 3, 3, in}, 2), bias = normal({out}, 3);
    const auto padding = kernels::Padding::same(1);
    const kernels::Conv2d layer(kept_in_int8(w), bias, 1, padding), plain(rounded(w), bias, 1, padding);
    const kernels::Addends added{normal({batch, out}, 4), normal({batch, size, size, out}, 5)};
    CHECK(error(layer(x), plain(x)) <= 5e-6);
    CHECK(error(layer(x, added), plain(x, added)) <= 5e-6);
    CHECK(error(layer.upsampled(x, 2 * size, 2 * size), plain.upsampled(x, 2 * size, 2 * size)) <= 5e-6);
  }
}

TEST_CASE("a weight that is not a number stays one in its output") {
  const std::array<float, 4> bad{1, NAN, 2, 3}, endless{1, INFINITY, 2, 3}, zeros{};
  CHECK(std::isnan(kernels::int8_scale(bad.data(), 4)));
  CHECK(std::isnan(kernels::int8_scale(endless.data(), 4)));
  CHECK(kernels::int8_scale(zeros.data(), 4) == 1);
  CHECK(kernels::to_int8(5, NAN) == 0);
}

}  // namespace
}  // namespace corepulse
