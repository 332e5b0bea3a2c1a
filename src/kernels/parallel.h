#pragma once
// The one way the CPU kernels use several cores.

#include <cstdint>

#ifdef _OPENMP
#include <omp.h>
#endif

#include "kernels/device.h"

namespace corepulse::kernels {

/**
 * body(index, worker) for every index in [0, n), worker in [0, threads()). Which worker gets which index varies from
 * run to run, so an index's result must depend on the index alone. body must not throw.
 */
template <class Body>
void parallel_for(int64_t n, Body&& body) {
#ifdef _OPENMP
  // Always the same team size: libgomp ends and starts threads whenever it changes.
  if (const int team = threads(); n > 1 && team > 1) {
#pragma omp parallel for schedule(dynamic, 1) num_threads(team)
    for (int64_t i = 0; i < n; ++i) body(i, omp_get_thread_num());
    return;
  }
#endif
  for (int64_t i = 0; i < n; ++i) body(i, 0);
}

/** parallel_for over ranges [begin, end) of about `grain` indices each. */
template <class Body>
void parallel_ranges(int64_t n, int64_t grain, Body&& body) {
  parallel_for((n + grain - 1) / grain, [&](int64_t i, int) {
    const int64_t begin = i * grain;
    body(begin, begin + grain < n ? begin + grain : n);
  });
}

}  // namespace corepulse::kernels
