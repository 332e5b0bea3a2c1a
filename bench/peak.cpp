// Register-only multiply-adds and a plain copy.
#include "peak.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <omp.h>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace corepulse::bench {
namespace {

/** The best of a few runs: a peak is what nothing disturbed. */
template <typename F>
double least_seconds(const F& f) {
  double least = 1e9;
  for (int i = 0; i < 8; ++i) {
    const auto start = std::chrono::steady_clock::now();
    f();
    least = std::min(least, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  return least;
}

#if defined(__x86_64__)
constexpr int kChains = 12;  // independent sums: more than latency times units
constexpr int kTurns = 4'000'000;

__attribute__((target("avx512f"))) double multiply_add_512() {
  __m512 sums[kChains];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const auto a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(0.001f);
  for (int i = 0; i < kTurns; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, a, b);
  }
  double total = 0;
  for (const auto& sum : sums) total += sum[0];
  return total;
}

__attribute__((target("avx2,fma"))) double multiply_add_256() {
  __m256 sums[kChains];
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  const auto a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(0.001f);
  for (int i = 0; i < kTurns; ++i) {
#pragma GCC unroll 12
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, a, b);
  }
  double total = 0;
  for (const auto& sum : sums) total += sum[0];
  return total;
}
#endif

volatile double sink;  // so that no work is left out

}  // namespace

double peak_gflops(int threads) {
#if defined(__x86_64__)
  const bool wide = __builtin_cpu_supports("avx512f");
  if (!wide && !(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))) return 0;
  const double seconds = least_seconds([&] {
#pragma omp parallel num_threads(threads)
    sink = wide ? multiply_add_512() : multiply_add_256();
  });
  return 2e-9 * (wide ? 16 : 8) * kChains * kTurns * threads / seconds;
#else
  return 0 * threads;
#endif
}

double copy_rate(int threads) {
  constexpr size_t kBytes = size_t{256} << 20;
  std::vector<char> from(kBytes, 1), to(kBytes, 2);
  const double seconds = least_seconds([&] {
#pragma omp parallel num_threads(threads)
    {
      const size_t part = kBytes / static_cast<size_t>(omp_get_num_threads());
      const size_t begin = part * static_cast<size_t>(omp_get_thread_num());
      std::memcpy(to.data() + begin, from.data() + begin, part);
    }
  });
  return 2e-9 * static_cast<double>(kBytes) / seconds;
}

}  // namespace corepulse::bench
