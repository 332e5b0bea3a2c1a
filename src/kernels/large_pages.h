#pragma once
// Large pages, where the system has them.

#include <cstddef>
#include <cstdint>
#ifdef __linux__
#include <sys/mman.h>
#endif

namespace corepulse::kernels {

constexpr size_t kLargePage = size_t{2} << 20;

/**
 * Asks for large pages in the memory at p that nothing has touched yet: a hundred times fewer page faults, and addresses
 * stay known where a kernel goes down a column, whose every number lies in another small page. Elsewhere than on Linux,
 * or where there are none, nothing happens.
 */
inline void prefer_large_pages([[maybe_unused]] void* p, [[maybe_unused]] size_t bytes) {
#ifdef __linux__
  const auto begin = (reinterpret_cast<uintptr_t>(p) + kLargePage - 1) / kLargePage * kLargePage;
  const auto end = (reinterpret_cast<uintptr_t>(p) + bytes) / kLargePage * kLargePage;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_HUGEPAGE);
#endif
}

}  // namespace corepulse::kernels
