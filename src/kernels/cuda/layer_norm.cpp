#include <string>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/sources.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kLoadBytes = 16, kThreads = 128, kMostLoads = 10;

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
  static const CudaKernel kernel(
      "layer_norm", {.inputs = {"x", "weight", "bias"}, .outputs = {"y"}, .numbers = {"rows", "C", "eps"}},
      std::string(sources::layer_norm_alone_cu) + sources::layer_norm_cu, sources::sum_of_warp_cuh);
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
                                 sources::layer_norm_cu, sources::sum_of_warp_cuh);
  const auto more = carried ? mx::astype(*carried, x.dtype()) : x;
  const auto results = run(kernel, {x, y, more, weight, bias}, eps, true, {carried.has_value()});
  return std::pair(results[0], results[1]);
}

}  // namespace corepulse::kernels::cuda
