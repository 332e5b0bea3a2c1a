#include "kernels/cpu/simd/product.h"

#include <doctest/doctest.h>
#include <random>

#include "corepulse/error.h"

#include "guarded.h"
#include "kernels/activation.h"
#include "kernels/linear.h"
#ifdef COREPULSE_CPU_KERNELS
#include "kernels/cpu/product.h"
#endif
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Linear;

/** A gated feed-forward drawn at random; every third one's inner width fills no block. */
struct Drawn {
  explicit Drawn(unsigned seed) {
    std::mt19937 random(seed);
    const auto within = [&](int low, int high) { return std::uniform_int_distribution(low, high)(random); };
    const int in = within(1, 70), inner = seed % 3 ? 32 * within(1, 14) : within(1, 40), out = within(1, 70);
    x = normal({within(1, 130), in}, seed + 1);
    w1 = normal({2 * inner, in}, seed + 2, 0.2f), b1 = normal({2 * inner}, seed + 3);
    w2 = normal({out, inner}, seed + 4, 0.2f), b2 = normal({out}, seed + 5);
    added = normal({x.shape(0), out}, seed + 6);
  }
  mx::array expected(bool with_added = true) const {
    const auto between = kernels::geglu_reference(kernels::linear_reference(x, w1, b1));
    const auto y = kernels::linear_reference(between, w2, b2);
    return with_added ? y + added : y;
  }
  mx::array x{0.f}, w1{0.f}, b1{0.f}, w2{0.f}, b2{0.f}, added{0.f};
};

TEST_CASE("a gated linear is the second matrix after GEGLU after the first, plus what is added") {
  for (unsigned seed = 0; seed < 24; ++seed) {
    CAPTURE(seed);
    const Drawn d(50 * seed);
    const Linear first(d.w1, d.b1), second(d.w2, d.b2);
    CHECK(error(gated_linear(d.x, first, second, {.residual = d.added}), d.expected()) <= 1e-5);
    CHECK(error(gated_linear(as_slice(d.x), first, second, {.residual = strided(d.added)}), d.expected()) <= 1e-5);
    CHECK(error(gated_linear(d.x, first, second), d.expected(false)) <= 1e-5);
    CHECK(error(second(kernels::geglu(first(d.x)), d.added), d.expected()) <= 1e-5);
  }
}

TEST_CASE("a gated linear works without biases, on any leading axes, and on nothing") {
  const auto w1 = normal({128, 24}, 1), w2 = normal({48, 64}, 2), x = normal({2, 3, 5, 24}, 3);
  const Linear first(w1, std::nullopt), second(w2, std::nullopt);
  const auto between = kernels::geglu_reference(kernels::linear_reference(x, w1, std::nullopt));
  CHECK(error(gated_linear(x, first, second), kernels::linear_reference(between, w2, std::nullopt)) <= 1e-5);
  CHECK(gated_linear(mx::zeros({0, 24}), first, second).shape() == mx::Shape{0, 48});
  CHECK_THROWS_AS(gated_linear(normal({2, 23}, 4), first, second), Error);
  CHECK_THROWS_AS(gated_linear(x, first, second, {.residual = normal({2, 48}, 5)}), Error);
}

TEST_CASE("a row's linear has the same bits alone, among any rows, and with any number of threads") {
  const Linear first(normal({512, 200}, 1), normal({512}, 2)), second(normal({72, 256}, 3), normal({72}, 4));
  const auto x = normal({333, 200}, 5);
  const auto row = [](const mx::array& y, int i) { return mx::slice(y, {i, 0}, {i + 1, y.shape(1)}); };
  for (const int threads : {1, 2, 3}) {
    kernels::set_threads(threads);
    const auto plain = first(x), gated = gated_linear(x, first, second);
    for (const int i : {0, 11, 96, 200, 332}) {
      CHECK(same(row(plain, i), first(row(x, i))));
      CHECK(same(row(gated, i), gated_linear(row(x, i), first, second)));
    }
  }
  kernels::set_threads(0);
}

#ifdef COREPULSE_CPU_KERNELS
TEST_CASE("linear and gated linear touch nothing beside their buffers") {
  for (unsigned seed = 0; seed < 12; ++seed) {
    const Drawn d(50 * seed + 1);
    const int rows = d.x.shape(0), in = d.x.shape(1), wide = d.w1.shape(0), inner = d.w2.shape(1), out = d.w2.shape(0);
    Guarded x(floats(d.x)), w1(floats(d.w1)), b1(floats(d.b1)), w2(floats(d.w2)), b2(floats(d.b2));
    Guarded added(floats(d.added)), y(std::vector<float>(rows * static_cast<size_t>(wide + out)));
    kernels::ProductWeights first(w1.array({wide, in}), b1.array({wide}), wide, in);
    kernels::ProductWeights second(w2.array({out, inner}), b2.array({out}), out, inner);
    const auto p1 = first.packed(), p2 = second.packed();
    float* const last = y.data() + rows * static_cast<int64_t>(wide);
    kernels::run_product(x.data(), rows, p1, nullptr, y.data());
    CHECK(error(Doubles(y.data(), last), doubles(kernels::linear_reference(d.x, d.w1, d.b1))) <= 1e-5);
    if (inner % kernels::product_block() != 0) continue;
    kernels::run_gated_product(x.data(), rows, p1, p2, added.data(), last);
    CHECK(error(Doubles(last, last + d.added.size()), doubles(d.expected())) <= 1e-5);
  }
}
#endif

}  // namespace
}  // namespace corepulse
