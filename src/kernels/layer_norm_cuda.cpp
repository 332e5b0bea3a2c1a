#include <bit>
#include <string>

#include "mlx/fast.h"

#include "kernels/device.h"
#include "kernels/norm_cuda.h"
#include "kernels/round.h"

namespace corepulse::kernels {
namespace {

constexpr int kLoadBytes = 16, kThreads = 128, kMostLoads = 10;

// A warp holds a row in registers: mean first, then the squares of what differs from it. The row is x, or x + other,
// which is then stored too, with `carried` added to it unless that is a single number.
constexpr const char* kLayerNorm = R"(
  constexpr int V = 16 / sizeof(T);
  const int C = x_shape[1], lane = threadIdx.x % 32, row = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
  if (row >= x_shape[0]) return;
  const auto sum_of_warp = [](float value) {
    for (int offset = 16; offset > 0; offset /= 2) value += __shfl_xor_sync(0xffffffffu, value, offset);
    return value;
  };
  const long long start = (long long)row * C;
  float values[LOADS][V];
  float total = 0;
  #pragma unroll
  for (int i = 0; i < LOADS; ++i) {
    const int c = (i * 32 + lane) * V;
    if (c < C) {
      uint4 packed = __ldg(reinterpret_cast<const uint4*>(x + start + c));
      T* numbers = reinterpret_cast<T*>(&packed);
      if (SUM) {
        const uint4 more = __ldg(reinterpret_cast<const uint4*>(other + start + c));
        for (int j = 0; j < V; ++j)
          numbers[j] = static_cast<T>(static_cast<float>(numbers[j]) +
                                      static_cast<float>(reinterpret_cast<const T*>(&more)[j]));
      }
      for (int j = 0; j < V; ++j) values[i][j] = static_cast<float>(numbers[j]), total += values[i][j];
      if (SUM) {
        if (carried_shape[0] > 1) {
          const uint4 more = __ldg(reinterpret_cast<const uint4*>(carried + c));
          for (int j = 0; j < V; ++j)
            numbers[j] = static_cast<T>(values[i][j] + static_cast<float>(reinterpret_cast<const T*>(&more)[j]));
        }
        *reinterpret_cast<uint4*>(sum + start + c) = packed;
      }
    }
  }
  const float mean = sum_of_warp(total) / C;
  float squares = 0;
  #pragma unroll
  for (int i = 0; i < LOADS; ++i)
    if ((i * 32 + lane) * V < C)
      for (int j = 0; j < V; ++j) squares += (values[i][j] - mean) * (values[i][j] - mean);
  const float rate = rsqrtf(sum_of_warp(squares) / C + __int_as_float(EPS_BITS));
  #pragma unroll
  for (int i = 0; i < LOADS; ++i) {
    const int c = (i * 32 + lane) * V;
    if (c < C) {
      uint4 packed;
      T* numbers = reinterpret_cast<T*>(&packed);
      for (int j = 0; j < V; j += 4) {
        const float4 w = __ldg(reinterpret_cast<const float4*>(weight + c + j));
        const float4 s = __ldg(reinterpret_cast<const float4*>(bias + c + j));
        numbers[j] = static_cast<T>((values[i][j] - mean) * rate * w.x + s.x);
        numbers[j + 1] = static_cast<T>((values[i][j + 1] - mean) * rate * w.y + s.y);
        numbers[j + 2] = static_cast<T>((values[i][j + 2] - mean) * rate * w.z + s.z);
        numbers[j + 3] = static_cast<T>((values[i][j + 3] - mean) * rate * w.w + s.w);
      }
      *reinterpret_cast<uint4*>(y + start + c) = packed;
    }
  }
)";

using Outputs = std::vector<mx::array>;

// x [rows, C] and what is added, as the kernel names them.
Outputs run(const mx::fast::CustomKernelFunction& kernel, const Outputs& inputs, float eps, bool sum) {
  const auto& x = inputs[0];
  const int bytes = x.shape(1) * static_cast<int>(x.itemsize());
  const int blocks = static_cast<int>(divide_up(x.shape(0), kThreads / 32));
  // Two sizes for all widths: every one takes MLX a compilation.
  const int loads = bytes <= 32 * kLoadBytes * kMostLoads / 2 ? kMostLoads / 2 : kMostLoads;
  const size_t outputs = sum ? 2 : 1;
  return kernel(
      inputs, std::vector(outputs, x.shape()), std::vector(outputs, x.dtype()), {blocks * kThreads, 1, 1},
      {kThreads, 1, 1},
      {{"T", x.dtype()}, {"THREADS", kThreads}, {"LOADS", loads}, {"SUM", sum}, {"EPS_BITS", std::bit_cast<int>(eps)}},
      std::nullopt, false, {});
}

mx::array flat(const mx::array& x) {
  return mx::reshape(x, {-1, x.shape(-1)});
}

}  // namespace

bool use_cuda_layer_norm(const mx::array& x) {
  const int bytes = x.shape(-1) * static_cast<int>(x.itemsize());
  return on_cuda() && x.size() > 0 && bytes % kLoadBytes == 0 && bytes <= 32 * kLoadBytes * kMostLoads;
}

mx::array cuda_layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  static const std::string source = std::string(
                                        "  const T *const other = x, *const carried = x;\n  T* const sum = y;\n"
                                        "  const int carried_shape[] = {1};\n") +
                                    kLayerNorm;
  static const auto kernel = mx::fast::cuda_kernel("layer_norm", {"x", "weight", "bias"}, {"y"}, source);
  return mx::reshape(run(kernel, {flat(x), weight, bias}, eps, false)[0], x.shape());
}

SumAndNorm cuda_add_layer_norm(const mx::array& x, const mx::array& y, const mx::array& weight, const mx::array& bias,
                               float eps, const std::optional<mx::array>& carried) {
  static const auto kernel =
      mx::fast::cuda_kernel("add_layer_norm", {"x", "other", "carried", "weight", "bias"}, {"y", "sum"}, kLayerNorm);
  const auto more = carried ? mx::astype(*carried, x.dtype()) : mx::array({0.f}, x.dtype());
  const auto results = run(kernel, {flat(x), flat(y), more, weight, bias}, eps, true);
  return {mx::reshape(results[1], x.shape()), mx::reshape(results[0], x.shape())};
}

}  // namespace corepulse::kernels
