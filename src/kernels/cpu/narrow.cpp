#include "kernels/cpu/narrow.h"

#include <algorithm>
#include <atomic>

#include "kernels/parallel.h"

namespace corepulse::kernels {

bool are_halves(const float* x, int64_t n) {
  std::atomic<bool> all{true};
  parallel_ranges(n, 65536, [&](int64_t begin, int64_t end) {
    if (!all.load(std::memory_order_relaxed)) return;
    bool here = true;
    for (int64_t i = begin; i < end; ++i) here &= is_half(x[i]);
    if (!here) all.store(false, std::memory_order_relaxed);
  });
  return all;
}

std::vector<float> int8_scales(const float* rows, int64_t count, int64_t n) {
  std::vector<float> scales(static_cast<size_t>(count));
  parallel_for(count, [&](int64_t o, int) { scales[static_cast<size_t>(o)] = int8_scale(rows + o * n, n); });
  return scales;
}

}  // namespace corepulse::kernels
