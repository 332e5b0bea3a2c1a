#include "kernels/cpu/profile.h"

#include <doctest/doctest.h>

#include "kernels/activation.h"
#include "numbers.h"

namespace corepulse {
namespace {

TEST_CASE("a profile counts each kernel's calls by the shape of its result, between start and stop only") {
  const auto small = normal({3, 16}, 1), large = normal({5, 16}, 2);
  kernels::silu(small).eval();
  kernels::start_profile();
  for (int i = 0; i < 3; ++i) kernels::silu(small).eval();
  kernels::silu(large).eval();
  kernels::gelu(large).eval();
  const auto times = kernels::stop_profile();
  kernels::silu(small).eval();
  REQUIRE(times.size() == 3);
  for (const auto& time : times) {
    const bool three = time.kernel == "silu" && time.shape == "[3, 16]";
    CHECK(time.calls == (three ? 3 : 1));
    CHECK(time.seconds > 0);
  }
  CHECK(times[0].seconds >= times[1].seconds);
  kernels::start_profile();
  CHECK(kernels::stop_profile().empty());
}

}  // namespace
}  // namespace corepulse
