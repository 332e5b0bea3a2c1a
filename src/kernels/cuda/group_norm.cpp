#include <algorithm>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/group_norm_whole.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/placed.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kLoadBytes = 16;         // what a thread loads at once
constexpr int kMostLoads = 8;          // a thread of the first kernel holds
constexpr int kMultiprocessors = 132;  // an H100's; only the speed depends on it

// How threads lie over a picture: each keeps its V channels, and R rows of them stand on R pixels. Sizes come in at run
// time, since every set of constants is compiled for itself. So does what is added: row and channel are other memory
// where there is nothing. So is skip, whose channels, `more` of them, follow x's.
constexpr const char* kHeader = R"(
  template <class T>
  struct Place {
    static constexpr int V = 16 / sizeof(T);
    int C, pixels, loads, R, r, c, stride;
    const T* from;  // the thread's channels of the first pixel; the next one's are `stride` numbers away
    __device__ Place(int threads, int pixels_, const T* x, int own, const T* skip, int more)
        : C(own + more), pixels(pixels_), loads(C / V), R(threads / loads), r(threadIdx.x / loads),
          c(threadIdx.x % loads * V), stride(c < own ? own : more), from(c < own ? x + c : skip + (c - own)) {}
  };
  template <class T>
  __device__ inline float unpacked(const uint4& packed, int j) {
    return static_cast<float>(reinterpret_cast<const T*>(&packed)[j]);
  }
  template <class T>
  __device__ inline uint4 load(const T* from) {
    return __ldg(reinterpret_cast<const uint4*>(from));
  }
  // What is added to the V numbers at channel c before they are normalised.
  template <class T, int V>
  __device__ inline void add_up(float (&added)[V], const T* row, const T* channel, int c) {
    for (int j = 0; j < V; ++j) added[j] = 0;
    if (row) {
      const uint4 packed = load(row + c);
      for (int j = 0; j < V; ++j) added[j] += unpacked<T>(packed, j);
    }
    if (channel) {
      const uint4 packed = load(channel + c);
      for (int j = 0; j < V; ++j) added[j] += unpacked<T>(packed, j);
    }
  }
)";

// Block (split, b) takes a range of pixels of batch row b into registers. A thread finds mean and squares of what
// differs from it for each of its channels, then a warp those of a group. Sums of plain squares lose their
// digits where the mean is far from 0.
constexpr const char* kMoments = R"(
  constexpr int V = 16 / sizeof(T);
  __shared__ float2 held[V * THREADS];
  const Place<T> at(THREADS, pixels, x, own, skip, more);
  const int b = blockIdx.y, width = at.C / GROUPS;
  const int steps = (at.pixels + at.R * gridDim.x - 1) / (at.R * gridDim.x);
  const int begin = blockIdx.x * at.R * steps, end = min(begin + at.R * steps, at.pixels);
  const int full = max(end - begin, 0) / at.R, rest = max(end - begin, 0) % at.R;
  const auto count = [&](int r) { return full + (r < rest); };
  if (at.r < at.R) {
    uint4 packed[LOADS];
    const T* from = at.from + ((long long)b * at.pixels + begin + at.r) * at.stride;
    const int mine = count(at.r);
    #pragma unroll
    for (int i = 0; i < LOADS; ++i) {
      if (i >= steps) break;
      if (i < mine) packed[i] = load(from + (long long)i * at.R * at.stride);
    }
    float added[V];
    add_up(added, has_row ? row + row_first + b * row_stride : nullptr, has_channel ? channel : nullptr, at.c);
    for (int j = 0; j < V; ++j) {
      float sum = 0, squares = 0;
      #pragma unroll
      for (int i = 0; i < LOADS; ++i) {
        if (i >= steps) break;
        if (i < mine) sum += unpacked<T>(packed[i], j);
      }
      const float mean = sum / max(mine, 1);
      #pragma unroll
      for (int i = 0; i < LOADS; ++i) {
        if (i >= steps) break;
        const float d = i < mine ? unpacked<T>(packed[i], j) - mean : 0.f;
        squares += d * d;
      }
      held[j * THREADS + threadIdx.x] = make_float2(mean + added[j], squares);
    }
  }
  __syncthreads();
  const int lane = threadIdx.x % 32;
  const float numbers = (float)max(end - begin, 1) * width;
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    // f(row of threads, what it holds of channel g * width + i), i = 0 .. width - 1, summed.
    const auto total = [&](const auto& f) {
      float sum = 0;
      int r = lane / width, i = lane % width;
      while (r < at.R) {
        const int c = g * width + i;
        sum += f((float)count(r), held[c % V * THREADS + r * at.loads + c / V]);
        for (i += 32; i >= width; i -= width) ++r;
      }
      return sum_of_warp(sum);
    };
    const float mean = total([](float n, float2 one) { return n * one.x; }) / numbers;
    const float squares = total([&](float n, float2 one) { return one.y + n * (one.x - mean) * (one.x - mean); });
    if (lane == 0)
      reinterpret_cast<float2*>(moments)[((long long)b * GROUPS + g) * gridDim.x + blockIdx.x] =
          make_float2(mean, squares);
  }
)";

// Every block merges the moments of its batch row again, a warp per group, always in the same order.
constexpr const char* kApply = R"(
  constexpr int V = 16 / sizeof(T), BATCH = 4;
  __shared__ float mean[GROUPS], rate[GROUPS];
  const Place<T> at(THREADS, pixels, x, own, skip, more);
  const int b = blockIdx.y, width = at.C / GROUPS, lane = threadIdx.x % 32;
  const int share = (at.pixels + at.R * splits - 1) / (at.R * splits) * at.R;  // pixels of a split
  for (int g = threadIdx.x / 32; g < GROUPS; g += THREADS / 32) {
    const float2* parts = reinterpret_cast<const float2*>(moments) + ((long long)b * GROUPS + g) * splits;
    const auto count = [&](int i) { return (float)max(0, min(share, at.pixels - i * share)); };
    float sum = 0, squares = 0;
    for (int i = lane; i < splits; i += 32) sum += count(i) * __ldg(&parts[i].x);
    const float centre = sum_of_warp(sum) / at.pixels;
    for (int i = lane; i < splits; i += 32) {
      const float2 one = __ldg(&parts[i]);
      const float d = one.x - centre;
      squares += one.y + count(i) * width * d * d;
    }
    squares = sum_of_warp(squares);
    if (lane == 0)
      mean[g] = centre, rate[g] = rsqrtf(squares / ((float)at.pixels * width) + eps);
  }
  __syncthreads();
  if (at.r >= at.R) return;
  float added[V], scale[V], shift[V];
  add_up(added, has_row ? row + row_first + b * row_stride : nullptr, has_channel ? channel : nullptr, at.c);
  for (int j = 0; j < V; j += 4) {
    const float4 w = __ldg(reinterpret_cast<const float4*>(weight + at.c + j));
    const float4 s = __ldg(reinterpret_cast<const float4*>(bias + at.c + j));
    scale[j] = w.x, scale[j + 1] = w.y, scale[j + 2] = w.z, scale[j + 3] = w.w;
    shift[j] = s.x, shift[j + 1] = s.y, shift[j + 2] = s.z, shift[j + 3] = s.w;
  }
  for (int j = 0, g = at.c / width, i = at.c % width; j < V; ++j) {
    added[j] -= mean[g], scale[j] *= rate[g];
    if (++i == width) i = 0, ++g;
  }
  const int step = gridDim.x * at.R, end = (b + 1) * at.pixels;
  for (int p = b * at.pixels + blockIdx.x * at.R + at.r; p < end; p += BATCH * step) {
    uint4 packed[BATCH];
    #pragma unroll
    for (int k = 0; k < BATCH; ++k)
      if (p + k * step < end) packed[k] = load(at.from + (long long)(p + k * step) * at.stride);
    #pragma unroll
    for (int k = 0; k < BATCH; ++k) {
      for (int j = 0; j < V; ++j) {
        float v = (unpacked<T>(packed[k], j) + added[j]) * scale[j] + shift[j];
        if (SILU) v = __fdividef(v, 1.f + __expf(-v));
        reinterpret_cast<T*>(&packed[k])[j] = static_cast<T>(v);
      }
      if (p + k * step < end) *reinterpret_cast<uint4*>(y + (long long)(p + k * step) * at.C + at.c) = packed[k];
    }
  }
)";

/** Blocks of R rows of threads for a batch row, such that a wave of `wanted` blocks does it all, if a thread of one
 * can. */
int blocks_for(int pixels, int batch, int rows, int wanted, int most_steps) {
  const int64_t steps = std::clamp<int64_t>(divide_up(pixels * batch, rows * wanted), 1, most_steps);
  return static_cast<int>(divide_up(pixels, rows * steps));
}

bool fits(const mx::array& x, const std::optional<mx::array>& skip) {
  const auto bytes = [](const mx::array& a) { return a.shape(-1) * static_cast<int>(a.itemsize()); };
  const auto whole = [&](const mx::array& a) { return a.size() > 0 && bytes(a) % kLoadBytes == 0; };
  if (!on_cuda() || !whole(x) || (skip && (!whole(*skip) || skip->dtype() != x.dtype()))) return false;
  return bytes(x) + (skip ? bytes(*skip) : 0) <= kThreads * kLoadBytes;
}

}  // namespace

std::optional<mx::array> group_norm(const Parts& parts, const std::optional<mx::array>& skip, const mx::array& weight,
                                    const mx::array& bias, int groups, float eps, bool silu) {
  const auto& [x, added_row, added_bias] = parts;
  if (!fits(x, skip)) return {};
  static const CudaKernel sum_up(
      "group_moments",
      {.inputs = {"x", "skip", "row", "channel"},
       .outputs = {"moments"},
       .numbers = {"pixels", "own", "more", "has_row", "row_first", "row_stride", "has_channel"}},
      kMoments, std::string(kSumOfWarp) + kHeader);
  static const CudaKernel apply(
      "group_norm",
      {.inputs = {"x", "skip", "row", "channel", "moments", "weight", "bias"},
       .outputs = {"y"},
       .numbers = {"pixels", "own", "more", "has_row", "row_first", "row_stride", "has_channel", "splits", "eps"}},
      kApply, std::string(kSumOfWarp) + kHeader);
  const int batch = x.shape(0), channels = weight.shape(0);
  const int pixels = static_cast<int>(x.size()) / (batch * x.shape(-1));
  auto shape = x.shape();
  shape.back() = channels;
  const auto beside = skip.value_or(x), channel = added_bias.value_or(x);
  const auto row = added_row ? placed(*added_row, kLoadBytes) : Placed{x, 0, {0}};
  std::vector<mx::fast::ScalarArg> numbers{pixels,    x.shape(-1),    channels - x.shape(-1),   added_row.has_value(),
                                           row.first, row.strides[0], added_bias.has_value()};
  if (use_whole_group_norm(x, pixels, channels, groups))
    return whole_group_norm({x, beside, row.memory, channel, weight, bias}, numbers, shape, groups, eps, silu);
  const int loads = channels * static_cast<int>(x.itemsize()) / kLoadBytes;
  // The first kernel's registers leave room for one block on a multiprocessor, the second's for two.
  const int rows = kThreads / loads, splits = blocks_for(pixels, batch, rows, kMultiprocessors, kMostLoads);
  const int blocks = blocks_for(pixels, batch, rows, 2 * kMultiprocessors, pixels);
  const auto moments =
      sum_up({.inputs = {x, beside, row.memory, channel},
              .shapes = {{batch, groups, splits, 2}},
              .types = {mx::float32},
              .constants = {{"T", x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}, {"LOADS", kMostLoads}},
              .numbers = numbers,
              .threads = {splits * kThreads, batch, 1},
              .block = {kThreads, 1, 1}})[0];
  numbers.insert(numbers.end(), {splits, eps});
  return apply({.inputs = {x, beside, row.memory, channel, moments, weight, bias},
                .shapes = {shape},
                .types = {x.dtype()},
                .constants = {{"T", x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}, {"SILU", silu}},
                .numbers = numbers,
                .threads = {blocks * kThreads, batch, 1},
                .block = {kThreads, 1, 1}})[0];
}

}  // namespace corepulse::kernels::cuda
