// What a rehearsal of Metal's way computes with.
#include <doctest/doctest.h>

#include "corepulse/pipeline.h"

#include "kernels/device.h"

using namespace corepulse;

TEST_CASE("no own kernel runs where Metal's way is taken") {
  CHECK(kernels::on_metal());
  CHECK_FALSE(kernels::on_cuda());
  CHECK(kernels::isa() == "mlx");
  for (const auto dtype : {mx::float32, mx::float16, mx::bfloat16})
    CHECK_FALSE(kernels::use_cpu_kernels(mx::zeros({1}, dtype)));
  CHECK_FALSE(kernels::keeps_halves());
}

TEST_CASE("int8 needs the own kernels") {
  CHECK_THROWS_AS(Pipeline::load({}, {.dtype = ComputeType::int8}), Error);
}
