#include "adapters/product.h"

#include <algorithm>

#include "mlx/allocator.h"

#include "kernels/parallel.h"

namespace corepulse::adapters {
namespace {

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

mx::array fresh(const mx::Shape& shape) {
  size_t n = 1;
  for (const auto size : shape) n *= static_cast<size_t>(size);
  return mx::array(mx::allocator::malloc(n * sizeof(float)), shape, mx::float32);
}

void multiply(float* out, const float* a, const float* b, int64_t m, int64_t k, int64_t n, float scale) {
  kernels::parallel_for((m + kRows - 1) / kRows, [&](int64_t block, int) {
    const int64_t row = block * kRows, rows = std::min(kRows, m - row);
    const int64_t whole = rows == kRows ? n / kColumns * kColumns : 0;
    const float* const left = a + row * k;
    for (int64_t c = 0; c < whole; c += kColumns) tile(out + row * n + c, left, b + c, k, n, scale);
    edge(out + row * n + whole, left, b + whole, rows, n - whole, k, n, scale);
  });
}

std::vector<float> multiply(const std::vector<float>& a, const std::vector<float>& b, int64_t m, int64_t k, int64_t n) {
  std::vector<float> out(static_cast<size_t>(m * n));
  multiply(out.data(), a.data(), b.data(), m, k, n);
  return out;
}

std::vector<float> transposed(const std::vector<float>& a, int64_t rows, int64_t columns) {
  std::vector<float> out(a.size());
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t c = 0; c < columns; ++c)
      out[static_cast<size_t>(c * rows + r)] = a[static_cast<size_t>(r * columns + c)];
  return out;
}

std::vector<float> tucker(const std::vector<float>& mid, const std::vector<float>& up, const std::vector<float>& down,
                          int64_t out, int64_t in, int64_t kernel) {
  const int64_t r = static_cast<int64_t>(up.size()) / out, s = static_cast<int64_t>(down.size()) / in;
  const auto turned = transposed(down, s, in);  // [in, s]
  std::vector<float> inner(static_cast<size_t>(r * in * kernel));
  for (int64_t i = 0; i < r; ++i)
    multiply(inner.data() + i * in * kernel, turned.data(), mid.data() + i * s * kernel, in, s, kernel);
  return multiply(up, inner, out, r, in * kernel);
}

}  // namespace corepulse::adapters
