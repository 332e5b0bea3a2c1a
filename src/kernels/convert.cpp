#include "kernels/convert.h"

#include <algorithm>
#include <cstring>

#include "kernels/cpu/cpu.h"
#include "kernels/parallel.h"

namespace corepulse::kernels {
namespace {

constexpr int64_t kGrain = 65536;

float as_float(uint32_t bits) {
  float x;
  std::memcpy(&x, &bits, sizeof x);
  return x;
}

float widen_bf16(uint16_t bits) {
  return as_float(static_cast<uint32_t>(bits) << 16);
}

uint32_t as_bits(float x) {
  uint32_t bits;
  std::memcpy(&bits, &x, sizeof x);
  return bits;
}

// Branch-free, so that compilers vectorise it; every f16 value, subnormal ones too, is exact in f32.
float widen_f16(uint16_t half) {
  const uint32_t sign = (half & 0x8000u) << 16, magnitude = (half & 0x7fffu) << 13;
  const uint32_t infinite = magnitude >= (0x7c00u << 13) ? 112u << 23 : 0u;  // inf and nan: exponent 255
  const float normal = as_float(magnitude + (112u << 23) + infinite);
  const float subnormal = as_float(magnitude + (113u << 23)) - as_float(113u << 23);
  return as_float(sign | as_bits(magnitude < (1u << 23) ? subnormal : normal));
}

uint16_t bits_at(const void* source, int64_t i) {
  uint16_t bits;
  std::memcpy(&bits, static_cast<const unsigned char*>(source) + 2 * i, sizeof bits);
  return bits;
}

constexpr int64_t kRows = 4, kColumns = 8;  // sums that registers hold

/** kRows x kColumns of the product. */
void tile(float* out, const float* a, const float* b, int64_t k, int64_t n, float scale) {
  float sums[kRows][kColumns] = {};
  for (int64_t i = 0; i < k; ++i)
    for (int64_t r = 0; r < kRows; ++r)
      for (int64_t c = 0; c < kColumns; ++c) sums[r][c] += a[r * k + i] * b[i * n + c];
  for (int64_t r = 0; r < kRows; ++r)
    for (int64_t c = 0; c < kColumns; ++c) out[r * n + c] = scale * sums[r][c];
}

/** Rows and columns that fill no tile. */
void edge(float* out, const float* a, const float* b, int64_t rows, int64_t columns, int64_t k, int64_t n,
          float scale) {
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c) {
      float sum = 0;
      for (int64_t i = 0; i < k; ++i) sum += a[r * k + i] * b[i * n + c];
      out[r * n + c] = scale * sum;
    }
}

}  // namespace

void f16_to_f32(const void* source, float* target, size_t n) {
  parallel_ranges(static_cast<int64_t>(n), kGrain, [&](int64_t begin, int64_t end) {
    if (cpu::f16_to_f32(static_cast<const unsigned char*>(source) + 2 * begin, target + begin, end - begin)) return;
    for (int64_t i = begin; i < end; ++i) target[i] = widen_f16(bits_at(source, i));
  });
}

void bf16_to_f32(const void* source, float* target, size_t n) {
  parallel_ranges(static_cast<int64_t>(n), kGrain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) target[i] = widen_bf16(bits_at(source, i));
  });
}

void f16_to_bf16(const void* source, BFloat16* target, size_t n) {
  if (cpu::f16_to_bf16(source, target, static_cast<int64_t>(n))) return;
  for (size_t i = 0; i < n; ++i) target[i] = to_bf16(widen_f16(bits_at(source, static_cast<int64_t>(i))));
}

void f32_to_bf16(const float* source, BFloat16* target, size_t n) {
  if (cpu::f32_to_bf16(source, target, static_cast<int64_t>(n))) return;
  for (size_t i = 0; i < n; ++i) target[i] = to_bf16(source[i]);
}

void multiply(float* out, const float* a, const float* b, int64_t m, int64_t k, int64_t n, float scale) {
  if (cpu::multiply(out, a, b, m, k, n, scale)) return;
  parallel_for((m + kRows - 1) / kRows, [&](int64_t block, int) {
    const int64_t row = block * kRows, rows = std::min(kRows, m - row);
    const int64_t whole = rows == kRows ? n / kColumns * kColumns : 0;
    const float* const left = a + row * k;
    for (int64_t c = 0; c < whole; c += kColumns) tile(out + row * n + c, left, b + c, k, n, scale);
    edge(out + row * n + whole, left, b + whole, rows, n - whole, k, n, scale);
  });
}

}  // namespace corepulse::kernels
