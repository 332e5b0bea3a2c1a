#include <algorithm>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/group_norm_whole.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/placed.h"
#include "kernels/cuda/sources.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kLoadBytes = 16;         // what a thread loads at once
constexpr int kMostLoads = 8;          // a thread of the first kernel holds
constexpr int kMultiprocessors = 132;  // an H100's; only the speed depends on it

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

std::string in_front() {
  return std::string(sources::sum_of_warp_cuh) + sources::group_norm_cuh;
}

/** Mean and squares of each group in each of `splits` ranges of pixels: [batch, groups, splits, 2]. */
mx::array moments_of(const GroupNormInputs& in, const std::vector<mx::fast::ScalarArg>& numbers, int groups,
                     int splits) {
  static const CudaKernel kernel(
      "group_moments",
      {.inputs = {"x", "skip", "row", "channel"},
       .outputs = {"moments"},
       .numbers = {"pixels", "own", "more", "has_row", "row_first", "row_stride", "has_channel"}},
      sources::group_moments_cu, in_front());
  const int batch = in.x.shape(0);
  return kernel({.inputs = {in.x, in.skip, in.row, in.channel},
                 .shapes = {{batch, groups, splits, 2}},
                 .types = {mx::float32},
                 .constants = {{"T", in.x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}, {"LOADS", kMostLoads}},
                 .numbers = numbers,
                 .threads = {splits * kThreads, batch, 1},
                 .block = {kThreads, 1, 1}})[0];
}

/** `numbers` as for moments_of, then the splits and eps. */
mx::array normalized(const GroupNormInputs& in, const mx::array& moments,
                     const std::vector<mx::fast::ScalarArg>& numbers, const mx::Shape& shape, int groups, bool silu,
                     int blocks) {
  static const CudaKernel kernel(
      "group_norm",
      {.inputs = {"x", "skip", "row", "channel", "moments", "weight", "bias"},
       .outputs = {"y"},
       .numbers = {"pixels", "own", "more", "has_row", "row_first", "row_stride", "has_channel", "splits", "eps"}},
      sources::group_norm_cu, in_front());
  return kernel({.inputs = {in.x, in.skip, in.row, in.channel, moments, in.weight, in.bias},
                 .shapes = {shape},
                 .types = {in.x.dtype()},
                 .constants = {{"T", in.x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}, {"SILU", silu}},
                 .numbers = numbers,
                 .threads = {blocks * kThreads, in.x.shape(0), 1},
                 .block = {kThreads, 1, 1}})[0];
}

}  // namespace

std::optional<mx::array> group_norm(const Parts& parts, const std::optional<mx::array>& skip, const mx::array& weight,
                                    const mx::array& bias, int groups, float eps, bool silu) {
  const auto& [x, added_row, added_bias] = parts;
  if (!fits(x, skip)) return {};
  const int batch = x.shape(0), channels = weight.shape(0);
  const int pixels = static_cast<int>(x.size()) / (batch * x.shape(-1));
  auto shape = x.shape();
  shape.back() = channels;
  const auto row = added_row ? placed(*added_row, kLoadBytes) : Placed{x, 0, {0}};
  const GroupNormInputs in{x, skip.value_or(x), row.memory, added_bias.value_or(x), weight, bias};
  std::vector<mx::fast::ScalarArg> numbers{pixels,    x.shape(-1),    channels - x.shape(-1), added_row.has_value(),
                                           row.first, row.strides[0], added_bias.has_value()};
  if (use_whole_group_norm(x, pixels, channels, groups)) return whole_group_norm(in, numbers, shape, groups, eps, silu);
  const int loads = channels * static_cast<int>(x.itemsize()) / kLoadBytes;
  // The first kernel's registers leave room for one block on a multiprocessor, the second's for two.
  const int rows = kThreads / loads, splits = blocks_for(pixels, batch, rows, kMultiprocessors, kMostLoads);
  const int blocks = blocks_for(pixels, batch, rows, 2 * kMultiprocessors, pixels);
  const auto moments = moments_of(in, numbers, groups, splits);
  numbers.insert(numbers.end(), {splits, eps});
  return normalized(in, moments, numbers, shape, groups, silu, blocks);
}

}  // namespace corepulse::kernels::cuda
