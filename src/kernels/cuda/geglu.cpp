#include <limits>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kernel.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kThreads = 256, kLoadBytes = 16;

constexpr const char* kGeglu = R"(
  constexpr unsigned V = 16 / sizeof(T);
  const unsigned loads = width / V, all = rows * loads;
  const unsigned u = blockIdx.x * THREADS + threadIdx.x;
  if (u >= all) return;
  const long long row = u / loads, c = u % loads * V;
  const T* from = x + row * 2 * width + c;
  uint4 values = __ldg(reinterpret_cast<const uint4*>(from));
  const uint4 gates = __ldg(reinterpret_cast<const uint4*>(from + width));
  for (int j = 0; j < V; ++j) {
    T& value = reinterpret_cast<T*>(&values)[j];
    const float g = static_cast<float>(reinterpret_cast<const T*>(&gates)[j]);
    value = static_cast<T>(static_cast<float>(value) * (0.5f * g * (1.f + erff(g * 0.70710678f))));
  }
  *reinterpret_cast<uint4*>(y + row * width + c) = values;
)";

bool fits(const mx::array& x) {
  return on_cuda() && x.shape(-1) * x.itemsize() % (2 * kLoadBytes) == 0 && x.size() > 0 &&
         x.size() <= std::numeric_limits<int>::max();
}

}  // namespace

std::optional<mx::array> geglu(const mx::array& x) {
  if (!fits(x)) return {};
  static const CudaKernel kernel("geglu", {.inputs = {"x"}, .outputs = {"y"}, .numbers = {"rows", "width"}}, kGeglu);
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
