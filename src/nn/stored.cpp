#include "nn/stored.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <type_traits>
#include <vector>

#include "mlx/allocator.h"
#include "mlx/device.h"
#include "mlx/transforms.h"

#include "base/fail.h"
#include "kernels/convert.h"
#include "kernels/device.h"
#include "kernels/number.h"
#include "kernels/parallel.h"

namespace corepulse::nn {
namespace {

using kernels::BFloat16;

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

void to_unscaled_float32(const io::TensorView& view, float* target) {
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

void to_float32(const io::TensorView& view, float* target) {
  to_unscaled_float32(view, target);
  if (view.scale == 1) return;
  for (size_t i = 0, n = view.elements(); i < n; ++i) target[i] *= view.scale;
}

mx::array in_dtype(mx::array x, mx::Dtype dtype) {
  if (x.dtype() == dtype) return x;
  x = mx::astype(x, dtype);
  mx::eval(x);
  return x;
}

/** Elements [begin, begin + n) of a view. */
io::TensorView part(const io::TensorView& view, size_t begin, size_t n) {
  const size_t element = view.elements() ? view.bytes / view.elements() : 0;
  return {view.type, {static_cast<int64_t>(n)}, view.data + begin * element, n * element, false, view.owner,
          view.scale};
}

void put(const float* from, float* to, size_t n) {
  std::memcpy(to, from, n * sizeof(float));
}
void put(const float* from, BFloat16* to, size_t n) {
  kernels::f32_to_bf16(from, to, n);
}

/** `outer` matrices [rows, columns], each turned to [columns, rows]. A block of rows at a time: it stays in a cache. */
template <class T>
void turn(const io::TensorView& view, size_t outer, size_t rows, size_t columns, T* out) {
  to_float32(part(view, 0, 0), nullptr);  // types that are refused are so here, and not on another thread
  const size_t step = std::max<size_t>(1, 16384 / columns), blocks = (rows + step - 1) / step;
  kernels::parallel_for(static_cast<int64_t>(outer * blocks), [&](int64_t unit, int) {
    thread_local std::vector<float> stored, column;
    const size_t matrix = static_cast<size_t>(unit) / blocks, first = static_cast<size_t>(unit) % blocks * step;
    const size_t n = std::min(step, rows - first);
    const auto source = part(view, (matrix * rows + first) * columns, n * columns);
    T* const to = out + matrix * rows * columns + first;
    if constexpr (std::is_same_v<T, BFloat16>)
      if (columns == 1 && view.type == io::StoredType::f16 && view.scale == 1)
        return kernels::f16_to_bf16(source.data, to, n);
    stored.resize(n * columns), column.resize(n);
    to_float32(source, stored.data());
    if (columns == 1) return put(stored.data(), to, n);
    for (size_t c = 0; c < columns; ++c) {
      for (size_t r = 0; r < n; ++r) column[r] = stored[r * columns + c];
      put(column.data(), to + c * rows, n);
    }
  });
}

BFloat16* bf16_data(mx::array& x) {
  return reinterpret_cast<BFloat16*>(x.data<uint16_t>());
}

mx::array turned(const io::TensorView& view, size_t outer, size_t rows, size_t columns, const mx::Shape& shape,
                 mx::Dtype dtype) {
  const bool bf16 = dtype == mx::bfloat16;
  auto result = uninitialised(shape, bf16 ? mx::bfloat16 : mx::float32, outer * rows * columns);
  if (bf16) {
    turn(view, outer, rows, columns, bf16_data(result));
    return result;
  }
  turn(view, outer, rows, columns, result.data<float>());
  return in_dtype(std::move(result), dtype);
}

}  // namespace

bool is_number(io::StoredType type) {
  using enum io::StoredType;
  return type == f16 || type == bf16 || type == f32 || type == f64 || type == f8_e4m3 || type == f8_e5m2;
}

mx::array to_array(const io::TensorView& view, const mx::Shape& shape, mx::Dtype dtype) {
  const size_t n = view.elements();
  const bool same = view.scale == 1 && ((view.type == io::StoredType::f16 && dtype == mx::float16) ||
                                        (view.type == io::StoredType::bf16 && dtype == mx::bfloat16));
  if (same) {
    auto copy = uninitialised(shape, dtype, n);
    std::memcpy(copy.data<void>(), view.data, n * 2);
    return copy;
  }
  if (dtype == mx::bfloat16) {  // without MLX's operations: weights are often read on another thread than MLX's
    auto rounded = uninitialised(shape, dtype, n);
    turn(view, 1, n, 1, bf16_data(rounded));
    return rounded;
  }
  auto result = uninitialised(shape, mx::float32, n);
  to_float32(view, result.data<float>());
  return in_dtype(std::move(result), dtype);
}

mx::array transpose_matrix(const io::TensorView& view, mx::Dtype dtype) {
  const auto rows = view.shape[0], columns = view.shape[1];
  return turned(view, 1, rows, columns, {static_cast<int>(columns), static_cast<int>(rows)}, dtype);
}

mx::array original_of(const io::TensorView& view) {
  if (view.transposed) return transpose_matrix(view, mx::float32);
  return to_array(view, {view.shape.begin(), view.shape.end()}, mx::float32);
}

mx::array to_ohwi(const io::TensorView& view, int out, int in, int k, mx::Dtype dtype) {
  if (k == 1) return to_array(view, {out, 1, 1, in}, dtype);
  return turned(view, out, in, static_cast<size_t>(k) * k, {out, k, k, in}, dtype);
}

uint64_t kept_bytes(const io::TensorView& view, mx::Dtype dtype, bool multiplied) {
  const bool halves = view.scale == 1 && view.type == io::StoredType::f16 && dtype == mx::float32 && multiplied &&
                      view.shape.size() >= 2 && mx::default_device() == mx::Device::cpu && kernels::keeps_halves();
  return view.elements() * (halves ? 2 : size_of(dtype));
}

}  // namespace corepulse::nn
