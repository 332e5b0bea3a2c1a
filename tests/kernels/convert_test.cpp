#include "kernels/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <doctest/doctest.h>
#include <vector>

namespace corepulse {
namespace {

/** The value of a number of 1 sign bit, `exponent_bits` and `fraction_bits`, by definition (IEEE 754). */
double value(unsigned bits, int exponent_bits, int fraction_bits) {
  const unsigned fraction = bits & ((1u << fraction_bits) - 1);
  const int exponent = static_cast<int>(bits >> fraction_bits & ((1u << exponent_bits) - 1));
  const int highest = (1 << exponent_bits) - 1, bias = highest / 2;
  const double sign = bits >> (exponent_bits + fraction_bits) ? -1 : 1;
  if (exponent == highest) return fraction ? NAN : sign * INFINITY;
  const double significand = exponent ? 1 + std::ldexp(fraction, -fraction_bits) : std::ldexp(fraction, -fraction_bits);
  return sign * std::ldexp(significand, std::max(exponent, 1) - bias);
}

/** Converts all 65,536 bit patterns from an odd address and counts those that come out different. */
template <class Convert>
int wrong(Convert convert, int exponent_bits, int fraction_bits) {
  constexpr size_t n = 65536;
  std::vector<unsigned char> bytes(2 * n + 1);
  for (size_t i = 0; i < n; ++i) {
    const auto bits = static_cast<uint16_t>(i);
    std::memcpy(bytes.data() + 1 + 2 * i, &bits, 2);
  }
  std::vector<float> y(n);
  convert(bytes.data() + 1, y.data(), n);
  int count = 0;
  for (size_t i = 0; i < n; ++i) {
    const double expected = value(static_cast<unsigned>(i), exponent_bits, fraction_bits);
    const bool same =
        std::isnan(expected) ? std::isnan(y[i]) : y[i] == expected && std::signbit(y[i]) == std::signbit(expected);
    count += !same;
  }
  return count;
}

TEST_CASE("every float16 becomes the same number in float32, from any address") {
  CHECK(wrong(kernels::f16_to_f32, 5, 10) == 0);
}

TEST_CASE("every bfloat16 becomes the same number in float32, from any address") {
  CHECK(wrong(kernels::bf16_to_f32, 8, 7) == 0);
}

TEST_CASE("float16 and float32 become the nearest bfloat16, from any address") {
  std::vector<unsigned char> bytes(2 * 65536 + 1);
  std::vector<float> numbers(65536);
  for (size_t i = 0; i < numbers.size(); ++i) {
    const auto bits = static_cast<uint16_t>(i);
    std::memcpy(bytes.data() + 1 + 2 * i, &bits, 2);
  }
  kernels::f16_to_f32(bytes.data() + 1, numbers.data(), numbers.size());
  for (const size_t n : {size_t{65536}, size_t{77}}) {
    std::vector<kernels::BFloat16> from_half(n + 1, {0x1234}), from_float = from_half;
    kernels::f16_to_bf16(bytes.data() + 1, from_half.data(), n);
    kernels::f32_to_bf16(numbers.data(), from_float.data(), n);
    int wrong = 0;
    for (size_t i = 0; i < n; ++i) {
      const auto expected = kernels::to_bf16(numbers[i]).bits;
      wrong += from_half[i].bits != expected || from_float[i].bits != expected;
    }
    CHECK(wrong == 0);
    CHECK(from_half[n].bits == 0x1234);
    CHECK(from_float[n].bits == 0x1234);
  }
}

TEST_CASE("a conversion writes as many numbers as it was told") {
  const std::vector<uint16_t> ones(200001, 0x3c00);
  std::vector<float> y(200001, -1.0f);
  for (const size_t n : {size_t{0}, size_t{1}, size_t{65537}, size_t{200000}}) {
    std::fill(y.begin(), y.end(), -1.0f);
    kernels::f16_to_f32(ones.data(), y.data(), n);
    CHECK(std::count(y.begin(), y.end(), 1.0f) == static_cast<long>(n));
    CHECK(y[n] == -1.0f);
  }
}

}  // namespace
}  // namespace corepulse
