// A picture of the built-in model with controls, made Metal's way in every type of numbers.
#include <doctest/doctest.h>

#include "pipeline/doctor/self_test.h"

using namespace corepulse;

TEST_CASE("the self-test's picture, of MLX's operations alone, is a CPU's within each type's rounding") {
  struct Bounds {
    ComputeType type;
    double latents, picture;
  };
  for (const auto& bounds :
       {Bounds{ComputeType::float32, 1e-3, 1}, {ComputeType::float16, 0.02, 2}, {ComputeType::bfloat16, 0.1, 8}}) {
    const auto test = doctor::judge("", doctor::run_self_test({.dtype = bounds.type}, nullptr));
    CAPTURE(static_cast<int>(bounds.type));
    CHECK(test.latents <= bounds.latents);
    CHECK(test.picture <= bounds.picture);
  }
}
