#include "kernels/device.h"

#include <cstdlib>
#include <doctest/doctest.h>
#include <set>
#include <string>
#include <vector>

namespace corepulse {
namespace {

TEST_CASE("COREPULSE_ISA caps the instruction set") {
  const char* cap = std::getenv("COREPULSE_ISA");
  const auto isa = kernels::isa();
  CHECK(std::set<std::string>{"amx", "avx512", "avx2", "baseline", "neon", "mlx"}.count(isa) == 1);
  const std::vector<std::string> from_best{"amx", "avx512", "avx2"};
  for (const auto& better : from_best) {
    if (!cap || cap == better) break;
    CHECK(isa != better);
  }
}

TEST_CASE("the number of threads is at least one and can be set") {
  const int standard = kernels::threads();
  CHECK(standard >= 1);
  kernels::set_threads(3);
  CHECK(kernels::threads() == 3);
  kernels::set_threads(0);
  CHECK(kernels::threads() == standard);
}

TEST_CASE("only float32 on the CPU runs through the own kernels") {
  CHECK(kernels::use_cpu_kernels(mx::zeros({2})) == (kernels::isa() != "mlx"));
  CHECK_FALSE(kernels::use_cpu_kernels(mx::zeros({2}, mx::float16)));
}

}  // namespace
}  // namespace corepulse
