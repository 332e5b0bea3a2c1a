#include <algorithm>
#include <bit>

#include "mlx/fast.h"

#include "kernels/device.h"
#include "kernels/norm_cuda.h"

namespace corepulse::kernels {
namespace {

constexpr int kThreads = 512;
constexpr int kLoadBytes = 16;         // what a thread loads at once
constexpr int kMostLoads = 8;          // a thread of the first kernel holds
constexpr int kMultiprocessors = 132;  // an H100's; only the speed depends on it

// How threads lie over a picture: each keeps its V channels, and R rows of them stand on R pixels. Sizes come in at run
// time (x_shape), since MLX compiles a source once per process for every set of constants.
constexpr const char* kHeader = R"(
  template <class T>
  struct Place {
    static constexpr int V = 16 / sizeof(T);
    int C, pixels, loads, R, r, c;
    __device__ Place(int threads, int channels, int pixels_)
        : C(channels), pixels(pixels_), loads(channels / V), R(threads / loads), r(threadIdx.x / loads),
          c(threadIdx.x % loads * V) {}
  };
  __device__ inline float sum_of_warp(float x) {
    for (int offset = 16; offset > 0; offset /= 2) x += __shfl_xor_sync(0xffffffffu, x, offset);
    return x;
  }
  template <class T>
  __device__ inline float unpacked(const uint4& packed, int j) {
    return static_cast<float>(reinterpret_cast<const T*>(&packed)[j]);
  }
  // What is added to the V numbers at channel c of batch row b before they are normalised.
  template <bool ROW, bool CHANNEL, int V, class T>
  __device__ inline void add_up(float* added, const T* row, const T* channel, int C, int b, int c) {
    for (int j = 0; j < V; ++j)
      added[j] = (ROW ? static_cast<float>(row[b * C + c + j]) : 0.f) +
                 (CHANNEL ? static_cast<float>(channel[c + j]) : 0.f);
  }
)";

// Block (split, b) takes a range of pixels of batch row b into registers: first the mean of every group, then the
// squares of what differs from it. Sums of plain squares lose their digits where the mean is far from 0.
constexpr const char* kMoments = R"(
  constexpr int V = 16 / sizeof(T);
  __shared__ float held[THREADS * V];
  __shared__ float mean[GROUPS];
  const int b = blockIdx.y, width = x_shape[2] / GROUPS;
  const Place<T> at(THREADS, x_shape[2], x_shape[1]);
  const int steps = (at.pixels + at.R * gridDim.x - 1) / (at.R * gridDim.x);
  const int begin = blockIdx.x * at.R * steps, end = min(begin + at.R * steps, at.pixels);
  const bool working = at.r < at.R;
  float added[V];
  if (working) add_up<ROW, CHANNEL, V>(added, row, channel, at.C, b, at.c);
  uint4 packed[LOADS];
  const T* from = x + ((long long)b * at.pixels + begin + at.r) * at.C + at.c;
  #pragma unroll
  for (int i = 0; i < LOADS; ++i)
    if (working && i < steps && begin + at.r + i * at.R < end)
      packed[i] = __ldg(reinterpret_cast<const uint4*>(from + (long long)i * at.R * at.C));
  const int lane = threadIdx.x % 32;
  const float numbers = (float)max(end - begin, 1) * width;
  // The sum over the block of `term` of every number of group g.
  const auto total = [&](int g) {
    float sum = 0;
    for (int i = lane; i < at.R * width; i += 32) sum += held[i / width * at.C + g * width + i % width];
    return sum_of_warp(sum);
  };
  const auto hold = [&](const auto& term) {
    float sums[V];
    for (int j = 0; j < V; ++j) sums[j] = 0;
    #pragma unroll
    for (int i = 0; i < LOADS; ++i)
      if (i < steps && begin + at.r + i * at.R < end)
        for (int j = 0; j < V; ++j) sums[j] += term(unpacked<T>(packed[i], j) + added[j], j);
    for (int j = 0; j < V; ++j) held[at.r * at.C + at.c + j] = sums[j];
  };
  if (working) hold([](float value, int) { return value; });
  __syncthreads();
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    const float sum = total(g);
    if (lane == 0) mean[g] = sum / numbers;
  }
  __syncthreads();
  if (working) {
    float means[V];
    for (int j = 0; j < V; ++j) means[j] = mean[(at.c + j) / width];
    hold([&](float value, int j) { return (value - means[j]) * (value - means[j]); });
  }
  __syncthreads();
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    const float squares = total(g);
    float* to = moments + (((long long)b * gridDim.x + blockIdx.x) * GROUPS + g) * 2;
    if (lane == 0) to[0] = mean[g], to[1] = squares;
  }
)";

// Every block merges the moments of its batch row again, a warp per group, always in the same order.
constexpr const char* kApply = R"(
  constexpr int V = 16 / sizeof(T);
  __shared__ float mean[GROUPS], rate[GROUPS];
  const int b = blockIdx.y, splits = moments_shape[1], width = x_shape[2] / GROUPS, lane = threadIdx.x % 32;
  const Place<T> at(THREADS, x_shape[2], x_shape[1]);
  const int pixels = (at.pixels + at.R * splits - 1) / (at.R * splits) * at.R;
  const float2* all = reinterpret_cast<const float2*>(moments) + (long long)b * splits * GROUPS;
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    const auto count = [&](int i) { return (float)max(0, min(pixels, at.pixels - i * pixels)); };
    float sum = 0, squares = 0;
    for (int i = lane; i < splits; i += 32) sum += count(i) * all[i * GROUPS + g].x;
    const float centre = sum_of_warp(sum) / at.pixels;
    for (int i = lane; i < splits; i += 32) {
      const float2 one = all[i * GROUPS + g];
      const float d = one.x - centre;
      if (count(i) > 0) squares += one.y + count(i) * width * d * d;
    }
    squares = sum_of_warp(squares);
    if (lane == 0)
      mean[g] = centre, rate[g] = rsqrtf(squares / ((float)at.pixels * width) + __int_as_float(EPS_BITS));
  }
  __syncthreads();
  if (at.r >= at.R) return;
  float added[V], scale[V], shift[V];
  add_up<ROW, CHANNEL, V>(added, row, channel, at.C, b, at.c);
  for (int j = 0; j < V; ++j) {
    const int g = (at.c + j) / width;
    added[j] -= mean[g], scale[j] = rate[g] * weight[at.c + j], shift[j] = bias[at.c + j];
  }
  const long long origin = (long long)b * at.pixels * at.C + at.c;
  #pragma unroll 4
  for (int p = blockIdx.x * at.R + at.r; p < at.pixels; p += gridDim.x * at.R) {
    uint4 packed = __ldg(reinterpret_cast<const uint4*>(x + origin + (long long)p * at.C));
    for (int j = 0; j < V; ++j) {
      float v = (unpacked<T>(packed, j) + added[j]) * scale[j] + shift[j];
      if (SILU) v = __fdividef(v, 1.f + __expf(-v));
      reinterpret_cast<T*>(&packed)[j] = static_cast<T>(v);
    }
    *reinterpret_cast<uint4*>(y + origin + (long long)p * at.C) = packed;
  }
)";

using Template = std::vector<std::pair<std::string, mx::fast::TemplateArg>>;

int divide_up(int a, int b) {
  return (a + b - 1) / b;
}

/** Blocks of R rows of threads for a batch row, such that a wave of `wanted` blocks does it all, if a thread of one can. */
int blocks_for(int pixels, int batch, int rows, int wanted, int most_steps) {
  const int steps = std::clamp(divide_up(pixels * batch, rows * wanted), 1, most_steps);
  return divide_up(pixels, rows * steps);
}

}  // namespace

bool use_cuda_group_norm(const mx::array& x) {
  const int bytes = x.shape(-1) * static_cast<int>(x.itemsize());
  return on_cuda() && x.size() > 0 && bytes % kLoadBytes == 0 && bytes / kLoadBytes <= kThreads;
}

mx::array cuda_group_norm(const mx::array& x, const mx::array& weight, const mx::array& bias, int groups, float eps,
                          bool silu, const Addends& added) {
  static const auto sum_up =
      mx::fast::cuda_kernel("group_moments", {"x", "row", "channel"}, {"moments"}, kMoments, kHeader);
  static const auto apply = mx::fast::cuda_kernel(
      "group_norm", {"x", "row", "channel", "moments", "weight", "bias"}, {"y"}, kApply, kHeader);
  const int batch = x.shape(0), channels = x.shape(-1);
  const int pixels = static_cast<int>(x.size()) / (batch * channels);
  const int loads = channels * static_cast<int>(x.itemsize()) / kLoadBytes;
  // The first kernel's registers leave room for one block on a multiprocessor, the second's for two.
  const int rows = kThreads / loads, splits = blocks_for(pixels, batch, rows, kMultiprocessors, kMostLoads);
  const int blocks = blocks_for(pixels, batch, rows, 2 * kMultiprocessors, pixels);
  const auto flat = mx::reshape(x, {batch, pixels, channels});
  const auto row = added.row.value_or(flat), channel = added.channel.value_or(flat);
  Template constants{{"T", x.dtype()},         {"GROUPS", groups},     {"THREADS", kThreads}, {"ROW", added.row.has_value()},
                     {"CHANNEL", added.channel.has_value()}};
  auto moment_constants = constants;
  moment_constants.emplace_back("LOADS", kMostLoads);
  const auto moments = sum_up({flat, row, channel}, {{batch, splits, groups, 2}}, {mx::float32},
                              {splits * kThreads, batch, 1}, {kThreads, 1, 1}, moment_constants, std::nullopt, false, {})[0];
  constants.emplace_back("SILU", silu);
  constants.emplace_back("EPS_BITS", std::bit_cast<int>(eps));
  const auto y = apply({flat, row, channel, moments, weight, bias}, {flat.shape()}, {x.dtype()},
                       {blocks * kThreads, batch, 1}, {kThreads, 1, 1}, constants, std::nullopt, false, {})[0];
  return mx::reshape(y, x.shape());
}

}  // namespace corepulse::kernels
