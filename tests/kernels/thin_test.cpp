// Thin matrices beside a layer's: what their plain formula adds, pixel by pixel, and nothing where their share is 0.
#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "kernels/activation.h"
#include "kernels/linear.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Linear, kernels::Thin, kernels::Thins;

/** 0, then halves: of every third pixel nothing. */
mx::array shares(int pixels) {
  std::vector<float> numbers(static_cast<size_t>(pixels));
  for (int i = 0; i < pixels; ++i) numbers[static_cast<size_t>(i)] = static_cast<float>(i % 3) / 2;
  return mx::array(numbers.begin(), {pixels}, mx::float32);
}

/** Of these ranks: one share for all pixels and one for each in turn. */
Thins drawn(const std::vector<int>& ranks, int in, int out, int pixels, mx::Dtype dtype = mx::float32) {
  Thins all;
  for (const int rank : ranks) {
    const auto seed = 10 * static_cast<unsigned>(all.size());
    const auto [down, up] = kernels::thin_matrices(mx::astype(normal({rank, in}, seed + 1, 0.3f), dtype),
                                                   mx::astype(normal({out, rank}, seed + 2, 0.3f), dtype));
    all.push_back({down, up, all.size() % 2 ? mx::array({-0.75f}) : shares(pixels)});
  }
  return all;
}

mx::array pixel(const mx::array& y, int batch, int at) {
  return mx::slice(y, {batch, at, 0}, {batch + 1, at + 1, y.shape(2)});
}

const std::vector<std::vector<int>> kRanks = {{1}, {32}, {4, 40}, {64, 3, 8}};

TEST_CASE(
    "thin matrices beside a layer add what their formula does, with the layer's own bits where nothing is added") {
  for (const auto& [pixels, in, out] : {std::array{1, 3, 5}, {7, 32, 64}, {77, 17, 33}, {150, 320, 320}, {40, 640, 96}})
    for (const auto& ranks : kRanks) {
      CAPTURE(in);
      CAPTURE(ranks.size());
      const Linear layer(normal({out, in}, 1, 0.1f), normal({out}, 2)), bare(normal({out, in}, 1, 0.1f), std::nullopt);
      const auto x = normal({2, pixels, in}, 3), added = normal({2, pixels, out}, 4);
      const auto thins = drawn(ranks, in, out, pixels);
      const auto expected = kernels::add_thin_reference(thins, x, layer(x, added));
      CHECK(error(layer.with(thins, x, added), expected) <= 1e-5);
      CHECK(error((layer.later(x, thins) + added).array(), expected) <= 1e-5);
      CHECK(error(bare.with(thins, x), kernels::add_thin_reference(thins, x, bare(x))) <= 1e-5);
      CHECK(error(layer.with(thins, as_slice(x), strided(added)), expected) <= 1e-5);
      CHECK(error(kernels::add_thin(thins, x, added), kernels::add_thin_reference(thins, x, added)) <= 1e-5);
      const Thins first{thins.front()};
      for (int i = 0; i < pixels; i += 3) {
        CHECK(same(pixel(layer.with(first, x, added), 1, i), pixel(layer(x, added), 1, i)));
        CHECK(same(pixel(kernels::add_thin(first, x, added), 1, i), pixel(added, 1, i)));
      }
      CHECK(same(layer.with({}, x), layer(x)));
    }
}

TEST_CASE("thin matrices beside a gated feed-forward") {
  for (const auto& [pixels, width, inner] : {std::array{5, 6, 20}, {33, 64, 256}, {130, 320, 1280}}) {
    CAPTURE(width);
    const Linear first(normal({2 * inner, width}, 1, 0.1f), normal({2 * inner}, 2)),
        second(normal({width, inner}, 3, 0.1f), normal({width}, 4));
    const auto x = normal({2, pixels, width}, 5), added = normal({2, pixels, width}, 6);
    const auto to_first = drawn({8, 32}, width, 2 * inner, pixels), to_second = drawn({32}, inner, width, pixels);
    const auto expected = [&](const Thins& a, const Thins& b) {
      const auto wide = kernels::geglu(kernels::add_thin_reference(a, x, first(x)));
      return kernels::add_thin_reference(b, wide, second(wide, added));
    };
    const auto made = [&](const Thins& a, const Thins& b) {
      return gated_linear(x, first, second, {.residual = added}, a, b);
    };
    CHECK(error(made(to_first, to_second), expected(to_first, to_second)) <= 1e-5);
    CHECK(error(made(to_first, {}), expected(to_first, {})) <= 1e-5);
    CHECK(error(made({}, to_second), expected({}, to_second)) <= 1e-5);
    const auto plain = gated_linear(x, first, second, {.residual = added});
    CHECK(same(pixel(made({to_first[0]}, to_second), 0, 3), pixel(plain, 0, 3)));
  }
}

TEST_CASE("a row has the same bits beside thin matrices alone, among any rows, and with any number of threads") {
  const Linear layer(normal({1280, 64}, 1), normal({1280}, 2));
  const auto thins = drawn({32, 8}, 64, 1280, 100);
  const auto x = normal({2, 100, 64}, 3);
  const auto y = layer.with(thins, x);
  for (const int threads : {1, 2, 3}) {
    kernels::set_threads(threads);
    CHECK(same(layer.with(thins, x), y));
    CHECK(same(layer.with(thins, mx::slice(x, {1, 0, 0}, {2, 100, 64})), mx::slice(y, {1, 0, 0}, {2, 100, 1280})));
  }
  kernels::set_threads(0);
}

TEST_CASE("thin matrices beside bfloat16 layers") {
  if (!kernels::has_bf16()) return;
  const auto bf16 = [](const mx::array& x) { return mx::astype(x, mx::bfloat16); };
  const auto wide = [](const mx::array& x) { return mx::astype(x, mx::float32); };
  for (const auto& [pixels, in, out] : {std::array{7, 32, 64}, {77, 17, 33}, {150, 320, 320}}) {
    CAPTURE(in);
    const Linear layer(bf16(normal({out, in}, 1, 0.1f)), normal({out}, 2));
    const auto x = bf16(normal({2, pixels, in}, 3)), added = bf16(normal({2, pixels, out}, 4));
    const auto thins = drawn({4, 32}, in, out, pixels, mx::bfloat16);
    const auto y = layer.with(thins, x, added);
    CHECK(y.dtype() == mx::bfloat16);
    CHECK(error(wide(y), wide(kernels::add_thin_reference(thins, x, layer(x, added)))) <= 1e-2);
    CHECK(same(wide(pixel(layer.with({thins[0]}, x, added), 1, 3)), wide(pixel(layer(x, added), 1, 3))));
  }
}

TEST_CASE("thin matrices beside weights in 8-bit integers are not scaled with them") {
  if (!own_kernels()) return;
  const auto weight = kernels::LazyArray::ready(normal({64, 96}, 1));
  const Linear layer(
      kernels::LazyArray(weight.shape(), mx::float32, [weight] { return weight; }, true), normal({64}, 2));
  const auto x = normal({2, 20, 96}, 3);
  const auto thins = drawn({4, 32}, 96, 64, 20);
  CHECK(error(layer.with(thins, x), kernels::add_thin_reference(thins, x, layer(x))) <= 1e-5);
}

TEST_CASE("what stands beside joined matrices is joined, too") {
  constexpr int kIn = 24, kPixels = 9;
  std::vector<Linear> layers;
  Thins parts;
  std::vector<mx::array> expected;
  const auto x = normal({2, kPixels, kIn}, 1);
  for (const int out : {16, 40, 8}) {
    const auto seed = static_cast<unsigned>(out);
    const int rank = out / 4;
    const auto w = normal({out, kIn}, seed), down = normal({rank, kIn}, seed + 1), up = normal({out, rank}, seed + 2);
    layers.emplace_back(w, std::nullopt);
    parts.push_back({Linear(down, std::nullopt), Linear(up, std::nullopt), mx::array({0.5f})});
    expected.push_back(kernels::linear_reference(x, w + mx::matmul(up, down) * mx::array(0.5f), std::nullopt));
  }
  const auto joined = kernels::joined_thin(parts);
  REQUIRE(joined);
  const auto made = kernels::JoinedLinear(layers).at_once(x, {{joined->first, joined->second, mx::array({0.5f})}});
  REQUIRE(made.size() == 3);
  for (size_t i = 0; i < made.size(); ++i) CHECK(error(made[i], expected[i]) <= 1e-5);
}

TEST_CASE("thin matrices that do not fit are refused") {
  const Linear layer(normal({4, 6}, 1), std::nullopt);
  const auto x = normal({2, 5, 6}, 2);
  CHECK_THROWS_AS(layer.with(drawn({3}, 7, 4, 5), x), Error);
  CHECK_THROWS_AS(layer.with(drawn({3}, 6, 5, 5), x), Error);
  CHECK_THROWS_AS(layer.with(drawn({3}, 6, 4, 10), x), Error);
}

}  // namespace
}  // namespace corepulse
