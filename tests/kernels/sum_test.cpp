#include "kernels/sum.h"

#include <doctest/doctest.h>

#include "kernels/activation.h"
#include "kernels/conv2d.h"
#include "kernels/linear.h"
#include "kernels/norm.h"
#include "numbers.h"

namespace corepulse {
namespace {

using kernels::Addends;
using kernels::Row;
using kernels::Sum;
using kernels::Term;

/** The sum of two numbers' arrays, and how often it was computed. */
struct Counted {
  mx::array number = mx::full({1, 2, 2, 4}, 3.f);
  int made = 0;
  Term term() {
    return {.make = [this](const Addends& added) {
      ++made;
      return added.residual ? number + *added.residual : number;
    }};
  }
};

TEST_CASE("a product adds what it is added to as it stores, on either side") {
  const kernels::Linear linear(normal({48, 64}, 1), normal({48}, 2));
  const auto x = normal({2, 5, 64}, 3), residual = normal({2, 5, 48}, 4);
  const auto whole = linear(x, residual);
  CHECK(same(residual + linear.later(x), whole));
  CHECK(same(linear.later(x) + residual, whole));
  CHECK(same(linear.later(x), linear(x)));
}

TEST_CASE("a convolution adds a row and a picture as it stores") {
  const kernels::Conv2d conv(normal({16, 3, 3, 8}, 1), normal({16}, 2), 1, kernels::Padding::same(1));
  const auto x = normal({2, 6, 5, 8}, 3), row = normal({2, 16}, 4), picture = normal({2, 6, 5, 16}, 5);
  CHECK(same(conv.later(x) + Row{row}, conv(x, {.row = row})));
  CHECK(same(picture + (conv.later(x) + Row{row}), conv(x, {.row = row, .residual = picture})));
  CHECK(same(conv.later(x) + picture + Row{row}, conv(x, {.row = row, .residual = picture})));
}

TEST_CASE("a row is added to what takes none, and a second one to what has one") {
  const auto x = normal({2, 3, 3, 4}, 1), row = normal({2, 4}, 2), both = x + mx::expand_dims(row, {1, 2});
  CHECK(same(Sum(x) + Row{row}, both));
  CHECK(same(Sum(Term{.make = [&](const Addends&) { return x; }}) + Row{row}, both));
  const Term takes{.make = [&](const Addends& added) { return x + mx::expand_dims(*added.row, {1, 2}); },
                   .takes_row = true};
  CHECK(same(Sum(takes) + Row{row} + Row{row}, both + mx::expand_dims(row, {1, 2})));
}

TEST_CASE("two terms, and two arrays, are added as arrays") {
  const auto x = normal({2, 5, 64}, 1), y = normal({2, 5, 64}, 2);
  const kernels::Linear linear(normal({64, 64}, 3), normal({64}, 4));
  CHECK(same(Sum(x) + Sum(y), x + y));
  CHECK(error(linear.later(x) + linear.later(y), mx::array(linear(x) + linear(y))) <= 1e-6);
  const auto full = x + linear.later(y);
  CHECK(same(y + full, y + full.array()));
}

TEST_CASE("a term is computed once, whoever asks, and not before") {
  Counted counted;
  const Sum sum(counted.term()), copy = sum;
  CHECK(counted.made == 0);
  CHECK(same(sum, counted.number));
  CHECK(same(copy, counted.number));
  CHECK(counted.made == 1);
  const auto more = sum + mx::ones({1, 2, 2, 4});  // made already: an array as any other
  CHECK(same(more, counted.number + mx::ones({1, 2, 2, 4})));
  CHECK(counted.made == 1);
}

TEST_CASE("norms of a sum are those of its array") {
  const auto weight = normal({48}, 5), bias = normal({48}, 6);
  const kernels::Linear linear(normal({48, 64}, 1), normal({48}, 2));
  const auto x = normal({2, 5, 64}, 3), residual = normal({2, 5, 48}, 4);
  const auto sum = residual + linear.later(x);
  CHECK(error(kernels::layer_norm(sum, weight, bias, 1e-5f),
              kernels::layer_norm(linear(x, residual), weight, bias, 1e-5f)) <= 1e-5);
  const kernels::Conv2d conv(normal({48, 3, 3, 8}, 1), normal({48}, 2), 1, kernels::Padding::same(1));
  const auto picture = normal({2, 6, 5, 8}, 3), row = normal({2, 48}, 4);
  CHECK(error(kernels::group_norm(conv.later(picture) + Row{row}, weight, bias, 8, 1e-5f, true),
              kernels::group_norm(conv(picture, {.row = row}), weight, bias, 8, 1e-5f, true)) <= 1e-5);
}

TEST_CASE("a norm that knows the next product changes neither its result nor the sum that others read") {
  const auto weight = normal({64}, 5), bias = normal({64}, 6);
  const kernels::Linear before(normal({64, 64}, 1), normal({64}, 2));
  const kernels::Linear first(normal({256, 64}, 3), normal({256}, 4)), second(normal({64, 128}, 7), normal({64}, 8));
  const auto x = normal({2, 5, 64}, 9), residual = normal({2, 5, 64}, 10);
  const auto sum = residual + before.later(x);
  const auto norm = kernels::layer_norm(sum, weight, bias, 1e-5f, &second);
  const auto plain = mx::array(before(x) + residual);
  CHECK(error(norm, kernels::layer_norm_reference(plain, weight, bias, 1e-5f)) <= 1e-5);
  const auto fed = second(kernels::geglu(first(norm)));
  CHECK(error(sum + kernels::gated_linear_later(norm, first, second), mx::array(plain + fed)) <= 1e-5);
  CHECK(error(sum + second.later(kernels::geglu(first(norm))), mx::array(plain + fed)) <= 1e-5);
  CHECK(error(sum + before.later(x), mx::array(plain + before(x))) <= 1e-5);
  CHECK(error(sum, plain) <= 1e-5);
}

}  // namespace
}  // namespace corepulse
