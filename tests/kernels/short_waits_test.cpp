// Threads that wait for the next loop sleep, so that other programs have the cores.
#include "kernels/cpu/short_waits.h"

#include <chrono>
#include <cstdlib>
#include <ctime>
#include <doctest/doctest.h>
#include <thread>
#include <vector>

#include "kernels/device.h"
#include "kernels/parallel.h"

namespace corepulse::kernels {
namespace {

TEST_CASE("threads sleep soon after a loop") {
  if (std::getenv("OMP_WAIT_POLICY") || std::getenv("GOMP_SPINCOUNT")) return;  // somebody else decided
  set_threads(2);
  keep_waits_short();
  std::vector<int> done(64);
  const auto loop = [&] { parallel_for(64, [&](int64_t i, int) { done[static_cast<size_t>(i)]++; }); };
  loop();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  constexpr int kLoops = 20;
  const auto start = std::clock();  // processor time, of all threads
  for (int i = 0; i < kLoops; ++i) {
    loop();
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  set_threads(0);
  CHECK(done[0] == kLoops + 1);
  CHECK(seconds < 0.02);  // spinning threads take several milliseconds after every loop
}

}  // namespace
}  // namespace corepulse::kernels
