#include "kernels/cpu/short_waits.h"

#include <condition_variable>
#include <cstdlib>
#include <mutex>
#include <thread>

namespace corepulse::kernels {
namespace {

#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)

// The policy itself is read from the environment before main(). But GNU's OpenMP waits shortly when it has more threads
// than cores; a team that sleeps in a loop for ever sees to that.
void park_team() {
  std::thread([] {
#pragma omp parallel num_threads(3)
    {
      std::mutex mutex;
      std::unique_lock lock(mutex);
      std::condition_variable never;
      never.wait(lock, [] { return false; });
    }
  }).detach();
}

bool is_set(const char* variable) {
  const char* value = std::getenv(variable);
  return value && *value;
}

#endif

}  // namespace

void keep_waits_short() {
#if defined(_OPENMP) && defined(__GNUC__) && !defined(__clang__)
  static std::once_flag once;
  std::call_once(once, [] {
    if (!is_set("OMP_WAIT_POLICY") && !is_set("GOMP_SPINCOUNT")) park_team();
  });
#endif
}

}  // namespace corepulse::kernels
