// The few things every tensor computation needs.

#include "base/tensor.h"

#include <doctest/doctest.h>

#include "base/fail.h"

using namespace corepulse;

TEST_CASE("a number keeps the type of the array it is used with") {
  const auto x = mx::zeros({2}, mx::float16);
  CHECK(like(0.5f, x).dtype() == mx::float16);
  CHECK((x * like(0.5f, x)).dtype() == mx::float16);
}

TEST_CASE("shapes are written as they are read") {
  CHECK(to_string(mx::Shape{2, 77, 768}) == "[2, 77, 768]");
  CHECK(to_string(mx::Shape{}) == "[]");
}

TEST_CASE("a shape is checked in every dimension, and -1 matches any") {
  const auto x = mx::zeros({2, 3});
  CHECK_NOTHROW(check_shape(x, {2, 3}, "here"));
  CHECK_NOTHROW(check_shape(x, {-1, 3}, "here"));
  CHECK_THROWS_AS(check_shape(x, {2, 4}, "here"), Error);
  CHECK_THROWS_AS(check_shape(x, {2}, "here"), Error);
  CHECK_THROWS_AS(check_shape(x, {2, 3, 1}, "here"), Error);
}
