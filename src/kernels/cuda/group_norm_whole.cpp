#include "kernels/cuda/group_norm_whole.h"

#include "kernels/cuda/kernel.h"
#include "kernels/cuda/sources.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kThreads = 512;
constexpr int kMostLoads = 44;  // pairs that a thread holds

}  // namespace

bool use_whole_group_norm(const mx::array& x, int pixels, int channels, int groups) {
  const int width = channels / groups;
  if (x.dtype() != mx::float16 || width % 2 != 0 || width / 2 > kThreads) return false;
  return divide_up(pixels, kThreads / (width / 2)) <= kMostLoads;
}

mx::array whole_group_norm(const GroupNormInputs& in, std::vector<mx::fast::ScalarArg> numbers, const mx::Shape& shape,
                           int groups, float eps, bool silu) {
  static const CudaKernel kernel(
      "group_norm_whole",
      {.inputs = {"x", "skip", "row", "channel", "weight", "bias"},
       .outputs = {"y"},
       .numbers = {"pixels", "own", "more", "has_row", "row_first", "row_stride", "has_channel", "eps"}},
      sources::group_norm_whole_cu, std::string(sources::sum_of_warp_cuh) + sources::group_norm_whole_cuh);
  numbers.push_back(eps);
  return kernel(
      {.inputs = {in.x, in.skip, in.row, in.channel, in.weight, in.bias},
       .shapes = {shape},
       .types = {in.x.dtype()},
       .constants =
           {{"T", in.x.dtype()}, {"GROUPS", groups}, {"THREADS", kThreads}, {"LOADS", kMostLoads}, {"SILU", silu}},
       .numbers = numbers,
       .threads = {groups * kThreads, in.x.shape(0), 1},
       .block = {kThreads, 1, 1}})[0];
}

}  // namespace corepulse::kernels::cuda
