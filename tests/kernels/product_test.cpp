#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "drawn.h"
#include "kernels/activation.h"
#include "kernels/linear.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Linear;

TEST_CASE("a gated linear is the second matrix after GEGLU after the first, plus what is added") {
  for (unsigned seed = 0; seed < 24; ++seed) {
    CAPTURE(seed);
    const DrawnGated d(50 * seed);
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

}  // namespace
}  // namespace corepulse
