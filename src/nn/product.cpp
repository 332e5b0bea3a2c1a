#include "nn/product.h"

#include "mlx/allocator.h"

#include "kernels/convert.h"
#include "nn/stored.h"

namespace corepulse::nn {

mx::array product(const io::TensorView& up, const io::TensorView& down, const mx::Shape& shape) {
  const auto a = original_of(up), b = original_of(down);
  const auto rank = down.shape[0], columns = static_cast<int64_t>(down.elements()) / rank;
  mx::array result(mx::allocator::malloc(static_cast<size_t>(up.shape[0] * columns) * sizeof(float)), shape,
                   mx::float32);
  kernels::multiply(result.data<float>(), a.data<float>(), b.data<float>(), up.shape[0], rank, columns);
  return result;
}

}  // namespace corepulse::nn
