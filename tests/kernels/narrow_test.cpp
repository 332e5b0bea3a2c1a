// Weights that float16 holds exactly are kept in it: half the memory, and not a bit of the result is another.
#include "kernels/cpu/narrow.h"

#include <bit>
#include <doctest/doctest.h>

#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "numbers.h"

namespace corepulse {
namespace {

TEST_CASE("every finite float16 is held, as itself, and nothing else is") {
  std::vector<float> all;
  for (uint32_t bits = 0; bits < 0x10000; ++bits) {
    const uint32_t exponent = bits >> 10 & 31, digits = bits & 1023;
    const double size =
        exponent == 0 ? std::ldexp(digits, -24) : std::ldexp(1024 + digits, static_cast<int>(exponent) - 25);
    const float x = static_cast<float>(bits & 0x8000 ? -size : size);
    if (exponent == 31) {
      CHECK_FALSE(kernels::is_half(bits & 1023 ? NAN : INFINITY));
      continue;
    }
    CHECK(kernels::is_half(x));
    CHECK(kernels::to_half(x).bits == bits);
    const float next = std::bit_cast<float>(std::bit_cast<uint32_t>(x) + 1);
    CHECK_FALSE(kernels::is_half(next));
    all.push_back(x);
  }
  CHECK_FALSE(kernels::is_half(65520));
  CHECK(kernels::are_halves(all.data(), static_cast<int64_t>(all.size())));
  all[all.size() / 2] = 0.1f;
  CHECK_FALSE(kernels::are_halves(all.data(), static_cast<int64_t>(all.size())));
}

/** Numbers that float16 holds, among them the smallest; and the same with one output more, which it does not. */
std::pair<mx::array, mx::array> weights(mx::Shape shape) {
  auto numbers = floats(mx::astype(mx::astype(normal(shape, 2), mx::float16), mx::float32));
  numbers[1] = 0x1p-24f, numbers[2] = -3 * 0x1p-24f, numbers[3] = 0;
  const mx::array exact(numbers.begin(), shape, mx::float32);
  shape[0] = 16;
  return {exact, mx::concatenate({exact, normal(shape, 3)}, 0)};
}

mx::array first_outputs(const mx::array& y, int n) {
  auto stop = y.shape();
  stop.back() = n;
  return mx::slice(y, mx::Shape(y.ndim(), 0), stop);
}

// Of numbers of channels that AMX's tiles do not take, where weights are split.
TEST_CASE("layers whose weights are kept in float16 give the same bits") {
  if (!own_kernels()) return;
  const auto [matrix, longer] = weights({96, 400});
  const auto x = normal({77, 400}, 1);
  CHECK(
      same_bits(kernels::Linear(matrix, std::nullopt)(x), first_outputs(kernels::Linear(longer, std::nullopt)(x), 96)));
  const auto [kernel, wider] = weights({64, 3, 3, 48});
  const auto picture = normal({2, 9, 8, 48}, 1);
  const auto padding = kernels::Padding::same(1);
  CHECK(same_bits(kernels::Conv2d(kernel, std::nullopt, 1, padding)(picture),
                  first_outputs(kernels::Conv2d(wider, std::nullopt, 1, padding)(picture), 64)));
}

}  // namespace
}  // namespace corepulse
