#include "nn/stored.h"

#include <cmath>
#include <cstring>
#include <vector>

#include "mlx/allocator.h"
#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/convert.h"

namespace corepulse::nn {
namespace {

mx::array uninitialised(const mx::Shape& shape, mx::Dtype dtype, size_t elements) {
  return mx::array(mx::allocator::malloc(elements * size_of(dtype)), shape, dtype);
}

/** Micikevicius et al. 2022: 1 sign bit, `exponent_bits`, the rest mantissa; no infinities in E4M3.
 */
float from_f8(uint8_t bits, int exponent_bits) {
  const int mantissa_bits = 7 - exponent_bits, bias = (1 << (exponent_bits - 1)) - 1;
  const int exponent = (bits & 0x7f) >> mantissa_bits, mantissa = bits & ((1 << mantissa_bits) - 1);
  const int top = (1 << exponent_bits) - 1;
  float value;
  if (exponent_bits == 4 && (bits & 0x7f) == 0x7f)
    value = NAN;
  else if (exponent_bits == 5 && exponent == top)
    value = mantissa ? NAN : INFINITY;
  else if (exponent == 0)
    value = std::ldexp(static_cast<float>(mantissa), 1 - bias - mantissa_bits);
  else
    value = std::ldexp(static_cast<float>(mantissa + (1 << mantissa_bits)), exponent - bias - mantissa_bits);
  return bits & 0x80 ? -value : value;
}

void to_float32(const io::TensorView& view, float* target) {
  using io::StoredType;
  const auto* bytes = view.data;
  const size_t n = view.elements();
  switch (view.type) {
    case StoredType::f32:
      std::memcpy(target, bytes, n * 4);
      return;
    case StoredType::f16:
      kernels::f16_to_f32(bytes, target, n);
      return;
    case StoredType::bf16:
      kernels::bf16_to_f32(bytes, target, n);
      return;
    case StoredType::f64:
      for (size_t i = 0; i < n; ++i) {
        double value;
        std::memcpy(&value, bytes + i * 8, 8);
        target[i] = static_cast<float>(value);
      }
      return;
    case StoredType::f8_e4m3:
    case StoredType::f8_e5m2: {
      const int exponent_bits = view.type == StoredType::f8_e4m3 ? 4 : 5;
      for (size_t i = 0; i < n; ++i) target[i] = from_f8(std::to_integer<uint8_t>(bytes[i]), exponent_bits);
      return;
    }
    default:
      fail(ErrorCode::unsupported_model, "weights",
           "a weight is stored as integers; expected F16, BF16, F32 or F8; convert the checkpoint");
  }
}

mx::array in_dtype(mx::array x, mx::Dtype dtype) {
  if (x.dtype() == dtype) return x;
  x = mx::astype(x, dtype);
  mx::eval(x);
  return x;
}

/** `outer` matrices [rows, columns], each turned to [columns, rows]. */
mx::array turned(const io::TensorView& view, size_t outer, size_t rows, size_t columns, const mx::Shape& shape) {
  const size_t n = outer * rows * columns;
  auto result = uninitialised(shape, mx::float32, n);
  auto* out = result.data<float>();
  std::vector<float> stored(n);  // all at once: the conversion is threaded
  to_float32(view, stored.data());
  for (const float* block = stored.data(); block != stored.data() + n; block += rows * columns, out += rows * columns)
    for (size_t c = 0; c < columns; ++c)
      for (size_t r = 0; r < rows; ++r) out[c * rows + r] = block[r * columns + c];
  return result;
}

}  // namespace

mx::array to_array(const io::TensorView& view, const mx::Shape& shape, mx::Dtype dtype) {
  const size_t n = view.elements();
  if (view.type == io::StoredType::f16 && dtype == mx::float16) {
    auto same = uninitialised(shape, mx::float16, n);
    std::memcpy(same.data<mx::float16_t>(), view.data, n * 2);
    return same;
  }
  auto result = uninitialised(shape, mx::float32, n);
  to_float32(view, result.data<float>());
  return in_dtype(std::move(result), dtype);
}

mx::array transpose_matrix(const io::TensorView& view, mx::Dtype dtype) {
  const auto rows = view.shape[0], columns = view.shape[1];
  return in_dtype(turned(view, 1, rows, columns, {static_cast<int>(columns), static_cast<int>(rows)}), dtype);
}

mx::array to_ohwi(const io::TensorView& view, int out, int in, int k, mx::Dtype dtype) {
  if (k == 1) return to_array(view, {out, 1, 1, in}, dtype);
  return in_dtype(turned(view, out, in, static_cast<size_t>(k) * k, {out, k, k, in}), dtype);
}

}  // namespace corepulse::nn
