#pragma once
// The eight tile registers of AMX, 16 rows of 64 bytes each, and the same in plain C++, with which code written for
// tiles can be tested on any machine.

#include <cstdint>
#include <cstring>

#include "kernels/number.h"

// clang assembles these instructions only for functions that are compiled for AMX, into which nothing else is inlined.
#if defined(__x86_64__) && !defined(__clang__)
#define COREPULSE_AMX
#endif

namespace corepulse::kernels {

constexpr int64_t kTileRows = 16, kTileBytes = 64;
constexpr int64_t kTileNumbers = kTileRows * kTileBytes / 2;  // of bfloat16

/** The processor's. Intel's intrinsics do not say that they read and write memory (g++ 12), so this is assembly. */
struct AmxTiles {
  /** Before the first use on a thread, and after the last: a thread that holds tiles is slow to switch. */
  static void begin() {
#ifdef COREPULSE_AMX
    struct alignas(64) {
      uint8_t palette = 1, start = 0, reserved[14] = {};
      uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
      uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
    } const shapes;
    asm volatile("ldtilecfg %0" ::"m"(shapes));
#endif
  }
  static void end() {
#ifdef COREPULSE_AMX
    asm volatile("tilerelease");
#endif
  }
  /** Rows `stride` bytes apart. */
  template <int kTile>
  [[gnu::always_inline]] static void load([[maybe_unused]] const void* from, [[maybe_unused]] int64_t stride) {
#ifdef COREPULSE_AMX
    asm volatile("tileloadd (%1,%2,1), %%tmm%c0" ::"i"(kTile), "r"(from), "r"(stride) : "memory");
#endif
  }
  template <int kTile>
  [[gnu::always_inline]] static void store([[maybe_unused]] void* to, [[maybe_unused]] int64_t stride) {
#ifdef COREPULSE_AMX
    asm volatile("tilestored %%tmm%c0, (%1,%2,1)" ::"i"(kTile), "r"(to), "r"(stride) : "memory");
#endif
  }
  template <int kTile>
  [[gnu::always_inline]] static void zero() {
#ifdef COREPULSE_AMX
    asm volatile("tilezero %%tmm%c0" ::"i"(kTile));
#endif
  }
  /** sum [16][16] float32 += a [16][16 pairs] b [16 pairs][16], both bfloat16. */
  template <int kSum, int kA, int kB>
  [[gnu::always_inline]] static void multiply() {
#ifdef COREPULSE_AMX
    asm volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(kSum), "i"(kA), "i"(kB));
#endif
  }
};

struct PlainTiles {
  static void begin() {}
  static void end() {}
  template <int kTile>
  static void load(const void* from, int64_t stride) {
    for (int64_t r = 0; r < kTileRows; ++r)
      std::memcpy(memory[kTile] + r * kTileBytes, static_cast<const char*>(from) + r * stride, kTileBytes);
  }
  template <int kTile>
  static void store(void* to, int64_t stride) {
    for (int64_t r = 0; r < kTileRows; ++r)
      std::memcpy(static_cast<char*>(to) + r * stride, memory[kTile] + r * kTileBytes, kTileBytes);
  }
  template <int kTile>
  static void zero() {
    std::memset(memory[kTile], 0, sizeof memory[kTile]);
  }
  template <int kSum, int kA, int kB>
  static void multiply() {
    auto* const sum = reinterpret_cast<float*>(memory[kSum]);
    const auto *a = reinterpret_cast<const BFloat16*>(memory[kA]), *b = reinterpret_cast<const BFloat16*>(memory[kB]);
    for (int64_t row = 0; row < 16; ++row) {
      for (int64_t pair = 0; pair < 16; ++pair) {
        for (int64_t column = 0; column < 16; ++column) {
          const BFloat16 *const x = a + row * 32 + 2 * pair, *const y = b + pair * 32 + 2 * column;
          sum[row * 16 + column] += value(x[0]) * value(y[0]) + value(x[1]) * value(y[1]);
        }
      }
    }
  }

 private:
  alignas(64) static inline thread_local char memory[8][kTileRows * kTileBytes];
};

}  // namespace corepulse::kernels
