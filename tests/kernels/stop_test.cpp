#include "kernels/stop.h"

#include <doctest/doctest.h>

#include "corepulse/error.h"

#include "kernels/attention.h"
#include "numbers.h"

namespace corepulse {

using namespace kernels;

TEST_CASE("a run that nobody stops is not asked to stop") {
  CHECK_FALSE(stop_asked());
  const std::atomic<bool> no = false;
  const StopScope scope(&no);
  CHECK_FALSE(stop_asked());
  CHECK_NOTHROW(check_stop());
}

TEST_CASE("asked once, a run stays asked until its end, and the next one is not") {
  std::atomic<bool> flag = true;
  {
    const StopScope scope(&flag);
    CHECK(stop_asked());
    flag = false;
    CHECK(stop_asked());
    CHECK_THROWS_AS(check_stop(), Error);
  }
  CHECK_FALSE(stop_asked());
}

TEST_CASE("attention is not computed for a run that was asked to stop, and is for the next") {
  const auto x = normal({1, 300, 64}, 1);
  const AttentionOptions options{.heads = 1, .scale = 0.125f};
  const auto of = [&](float gain) { return floats(attention(x, x, x * mx::array(gain), options)); };
  const auto before = of(1);  // whatever memory an unfinished result has, it holds no gain of 3
  std::vector<float> unfinished;
  {
    const std::atomic<bool> yes = true;
    const StopScope scope(&yes);
    unfinished = of(3);
  }
  const auto right = of(3);
  if (use_cpu_kernels(x)) CHECK(unfinished != right);
  CHECK(of(1) == before);
}

}  // namespace corepulse
