#include <string>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/group_norm_whole.h"
#include "kernels/cuda/kernel.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kLoadBytes = 16, kThreads = 128, kMostLoads = 10;

// A warp holds a row in registers: mean first, then the squares of what differs from it. The row is x, or x + other,
// which is then stored too, with `carried` added to it if it `carries` that.
constexpr const char* kLayerNorm = R"(
  constexpr int V = 16 / sizeof(T);
  const int lane = threadIdx.x % 32, row = blockIdx.x * (THREADS / 32) + threadIdx.x / 32;
  if (row >= rows) return;
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
        if (carries) {
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
  const float rate = rsqrtf(sum_of_warp(squares) / C + eps);
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

// Inputs as the kernel names them, x first; `more` are its numbers after rows, C and eps.
std::vector<mx::array> run(const CudaKernel& kernel, const std::vector<mx::array>& inputs, float eps, bool sum,
                           const std::vector<mx::fast::ScalarArg>& more) {
  const auto& x = inputs[0];
  const int width = x.shape(-1), rows = static_cast<int>(x.size() / static_cast<size_t>(width));
  const int bytes = width * static_cast<int>(x.itemsize()), blocks = static_cast<int>(divide_up(rows, kThreads / 32));
  // Two sizes for all widths: every one is compiled for itself.
  const int loads = bytes <= 32 * kLoadBytes * kMostLoads / 2 ? kMostLoads / 2 : kMostLoads;
  const size_t outputs = sum ? 2 : 1;
  std::vector<mx::fast::ScalarArg> numbers{rows, width, eps};
  numbers.insert(numbers.end(), more.begin(), more.end());
  return kernel({.inputs = inputs,
                 .shapes = std::vector(outputs, x.shape()),
                 .types = std::vector(outputs, x.dtype()),
                 .constants = {{"T", x.dtype()}, {"THREADS", kThreads}, {"LOADS", loads}, {"SUM", sum}},
                 .numbers = numbers,
                 .threads = {blocks * kThreads, 1, 1},
                 .block = {kThreads, 1, 1}});
}

bool fits(const mx::array& x) {
  const int bytes = x.shape(-1) * static_cast<int>(x.itemsize());
  return on_cuda() && x.size() > 0 && bytes % kLoadBytes == 0 && bytes <= 32 * kLoadBytes * kMostLoads;
}

}  // namespace

std::optional<mx::array> layer_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, float eps) {
  if (!fits(x)) return {};
  static const CudaKernel kernel("layer_norm",
                                 {.inputs = {"x", "weight", "bias"}, .outputs = {"y"}, .numbers = {"rows", "C", "eps"}},
                                 std::string("  const T *const other = x, *const carried = x;\n  T* const sum = y;\n"
                                             "  constexpr bool carries = false;\n") +
                                     kLayerNorm,
                                 kSumOfWarp);
  return run(kernel, {x, weight, bias}, eps, false, {})[0];
}

std::optional<std::pair<mx::array, mx::array>> add_layer_norm(const mx::array& x, const mx::array& y,
                                                              const mx::array& weight, const mx::array& bias, float eps,
                                                              const std::optional<mx::array>& carried) {
  if (!fits(x)) return {};
  static const CudaKernel kernel("add_layer_norm",
                                 {.inputs = {"x", "other", "carried", "weight", "bias"},
                                  .outputs = {"y", "sum"},
                                  .numbers = {"rows", "C", "eps", "carries"}},
                                 kLayerNorm, kSumOfWarp);
  const auto more = carried ? mx::astype(*carried, x.dtype()) : x;
  const auto results = run(kernel, {x, y, more, weight, bias}, eps, true, {carried.has_value()});
  return std::pair(results[0], results[1]);
}

}  // namespace corepulse::kernels::cuda
