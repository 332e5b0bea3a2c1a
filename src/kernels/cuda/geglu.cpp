#include <limits>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/sources.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kThreads = 256, kLoadBytes = 16;

bool fits(const mx::array& x) {
  return on_cuda() && x.shape(-1) * x.itemsize() % (2 * kLoadBytes) == 0 && x.size() > 0 &&
         x.size() <= std::numeric_limits<int>::max();
}

}  // namespace

std::optional<mx::array> geglu(const mx::array& x) {
  if (!fits(x)) return {};
  static const CudaKernel kernel("geglu", {.inputs = {"x"}, .outputs = {"y"}, .numbers = {"rows", "width"}},
                                 sources::geglu_cu);
  const int width = x.shape(-1) / 2, rows = static_cast<int>(x.size()) / (2 * width);
  const int loads = rows * (width * static_cast<int>(x.itemsize()) / kLoadBytes);
  const int blocks = static_cast<int>(divide_up(loads, kThreads));
  auto shape = x.shape();
  shape.back() = width;
  return kernel({.inputs = {x},
                 .shapes = {shape},
                 .types = {x.dtype()},
                 .constants = {{"T", x.dtype()}, {"THREADS", kThreads}},
                 .numbers = {rows, width},
                 .threads = {blocks * kThreads, 1, 1},
                 .block = {kThreads, 1, 1}})[0];
}

}  // namespace corepulse::kernels::cuda
