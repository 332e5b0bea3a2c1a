#include "adapters/product.h"

#include "mlx/allocator.h"

#include "kernels/convert.h"

namespace corepulse::adapters {

mx::array fresh(const mx::Shape& shape) {
  size_t n = 1;
  for (const auto size : shape) n *= static_cast<size_t>(size);
  return mx::array(mx::allocator::malloc(n * sizeof(float)), shape, mx::float32);
}

std::vector<float> multiply(const std::vector<float>& a, const std::vector<float>& b, int64_t m, int64_t k, int64_t n) {
  std::vector<float> out(static_cast<size_t>(m * n));
  kernels::multiply(out.data(), a.data(), b.data(), m, k, n);
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
    kernels::multiply(inner.data() + i * in * kernel, turned.data(), mid.data() + i * s * kernel, in, s, kernel);
  return multiply(up, inner, out, r, in * kernel);
}

}  // namespace corepulse::adapters
