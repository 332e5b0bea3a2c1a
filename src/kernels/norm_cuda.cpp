#include "kernels/norm_cuda.h"

#include <algorithm>
#include <bit>

#include "mlx/backend/cuda/cuda.h"
#include "mlx/device.h"
#include "mlx/fast.h"

namespace corepulse::kernels {
namespace {

constexpr int kThreads = 512;        // of a block of the first kernel
constexpr int kApplyThreads = 256;   // and of the second
constexpr int kLoadBytes = 16;       // what a thread loads at once
constexpr int kMostChannels = 4096;  // a block holds two sums per channel and row of threads in 32 KiB or less
constexpr int kMultiprocessors = 132;

// Merges mean and sum of squared deviations (Chan et al. 1979). Sums of plain squares lose their digits where the mean
// is far from 0 or one pixel far from the others.
constexpr const char* kMerge = R"(
  struct Moments { float n, mean, squares; };
  __device__ inline Moments merge(const Moments a, const Moments b) {
    const float n = a.n + b.n, d = b.mean - a.mean;
    if (n == 0) return a;
    return {n, a.mean + d * (b.n / n), a.squares + b.squares + d * d * (a.n * (b.n / n))};
  }
)";

// Sizes come in at run time (x_shape): MLX compiles a source once per process and does not keep it on disk.
//
// Block (split, b) takes a range of pixels of batch row b: every thread the V channels it loads, over every R-th pixel,
// as sums of x - its first x. Then a warp per group merges what the threads hold, always in the same order.
constexpr const char* kMoments = R"(
  constexpr int V = 16 / sizeof(T);
  extern __shared__ float2 held[];
  const int C = x_shape[2], pixels = x_shape[1], width = C / GROUPS, loads = C / V;
  const int split = blockIdx.x, splits = gridDim.x, b = blockIdx.y;
  const int R = max(1, THREADS / loads);
  const int begin = (long long)pixels * split / splits, end = (long long)pixels * (split + 1) / splits;
  const T* row = x + (long long)b * pixels * C;
  for (int u = threadIdx.x; u < R * loads; u += THREADS) {
    const int c = u % loads * V, r = u / loads;
    float origin[V], s[V], q[V];
    for (int j = 0; j < V; ++j) s[j] = 0, q[j] = 0;
    for (int p = begin + r; p < end; p += R) {
      const uint4 packed = *reinterpret_cast<const uint4*>(row + (long long)p * C + c);
      const T* values = reinterpret_cast<const T*>(&packed);
      for (int j = 0; j < V; ++j) {
        const float value = static_cast<float>(values[j]);
        if (p == begin + r) origin[j] = value;
        const float d = value - origin[j];
        s[j] += d, q[j] += d * d;
      }
    }
    const float n = max(1, (end - begin - r + R - 1) / R);
    for (int j = 0; j < V; ++j) held[r * C + c + j] = make_float2(origin[j] + s[j] / n, q[j] - s[j] * (s[j] / n));
  }
  __syncthreads();
  const int lane = threadIdx.x % 32;
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    Moments all = {0, 0, 0};
    for (int i = lane; i < R * width; i += 32) {
      const int r = i / width, n = (end - begin - r + R - 1) / R;
      const float2 one = held[r * C + g * width + i % width];
      if (n > 0) all = merge(all, {(float)n, one.x, one.y});
    }
    for (int offset = 16; offset > 0; offset /= 2)
      all = merge(all, {__shfl_down_sync(0xffffffffu, all.n, offset), __shfl_down_sync(0xffffffffu, all.mean, offset),
                        __shfl_down_sync(0xffffffffu, all.squares, offset)});
    if (lane == 0) {
      float* to = moments + (((long long)b * splits + split) * GROUPS + g) * 3;
      to[0] = all.n, to[1] = all.mean, to[2] = all.squares;
    }
  }
)";

constexpr const char* kApply = R"(
  constexpr int V = 16 / sizeof(T);
  __shared__ float mean[GROUPS], rate[GROUPS];
  const int C = x_shape[2], pixels = x_shape[1], width = C / GROUPS, loads = C / V, splits = moments_shape[1];
  const int b = blockIdx.y;
  const T* from = x + (long long)b * pixels * C;
  T* to = y + (long long)b * pixels * C;
  for (int g = threadIdx.x; g < GROUPS; g += THREADS) {
    Moments all = {0, 0, 0};
    for (int i = 0; i < splits; ++i) {
      const float* m = moments + (((long long)b * splits + i) * GROUPS + g) * 3;
      all = merge(all, {m[0], m[1], m[2]});
    }
    mean[g] = all.mean;
    rate[g] = rsqrtf(all.squares / all.n + __int_as_float(EPS_BITS));
  }
  __syncthreads();
  const long long total = (long long)pixels * loads;
  for (long long u = (long long)blockIdx.x * THREADS + threadIdx.x; u < total; u += (long long)gridDim.x * THREADS) {
    const int c = u % loads * V;
    uint4 packed = *reinterpret_cast<const uint4*>(from + u * V);
    T* values = reinterpret_cast<T*>(&packed);
    for (int j = 0; j < V; ++j) {
      const int g = (c + j) / width;
      float v = (static_cast<float>(values[j]) - mean[g]) * rate[g] * weight[c + j] + bias[c + j];
      if (SILU) v = v / (1.f + __expf(-v));
      values[j] = static_cast<T>(v);
    }
    *reinterpret_cast<uint4*>(to + u * V) = packed;
  }
)";

using Template = std::vector<std::pair<std::string, mx::fast::TemplateArg>>;

}  // namespace

bool use_cuda_group_norm(const mx::array& x) {
  static const bool cuda = mx::cu::is_available();
  const int channels = x.shape(-1);
  return cuda && mx::default_device() == mx::Device::gpu && x.size() > 0 && channels <= kMostChannels &&
         channels * x.itemsize() % kLoadBytes == 0;
}

mx::array cuda_group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                          bool silu) {
  static const auto sum_up = mx::fast::cuda_kernel("group_moments", {"x"}, {"moments"}, kMoments, kMerge, true,
                                                   std::max(kMostChannels, kThreads * 8) * 2 * sizeof(float));
  static const auto apply =
      mx::fast::cuda_kernel("group_norm", {"x", "moments", "weight", "bias"}, {"y"}, kApply, kMerge);
  const int batch = x.shape(0), channels = x.shape(-1);
  const int pixels = static_cast<int>(x.size()) / (batch * channels);
  const auto flat = mx::reshape(x, {batch, pixels, channels});
  const int splits = std::clamp(kMultiprocessors / batch, 1, std::max(1, pixels / 8));
  const int loads = pixels * channels * static_cast<int>(x.itemsize()) / kLoadBytes;
  const int blocks = std::clamp(loads / (2 * kApplyThreads), 1, 2 * kMultiprocessors);
  const auto moments =
      sum_up({flat}, {{batch, splits, groups, 3}}, {mx::float32}, {splits * kThreads, batch, 1}, {kThreads, 1, 1},
             Template{{"T", x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}}, std::nullopt, false, {})[0];
  const auto y = apply({flat, moments, weight, bias}, {flat.shape()}, {x.dtype()}, {blocks * kApplyThreads, batch, 1},
                       {kApplyThreads, 1, 1},
                       Template{{"T", x.dtype()},
                                {"GROUPS", groups},
                                {"THREADS", kApplyThreads},
                                {"SILU", silu},
                                {"EPS_BITS", std::bit_cast<int>(eps)}},
                       std::nullopt, false, {})[0];
  return mx::reshape(y, x.shape());
}

}  // namespace corepulse::kernels
