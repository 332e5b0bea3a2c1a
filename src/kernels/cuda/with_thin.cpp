#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/sources.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kWarps = 4, kTiles = 2;  // of a block, side by side; of 16 rows each, below each other
constexpr int kColumns = 32 * kWarps, kRows = 16 * kTiles;  // of a block

bool fits(const mx::array& weight, const mx::array& up, const mx::array& down) {
  const bool halves = weight.dtype() == mx::float16 && up.dtype() == mx::float16 && down.dtype() == mx::float16;
  return on_cuda() && halves && weight.shape(1) % 32 == 0 && up.shape(1) % 8 == 0 && weight.size() > 0;
}

}  // namespace

std::optional<mx::array> with_thin(const mx::array& weight, const mx::array& up, const mx::array& down,
                                   const mx::array& share) {
  if (!fits(weight, up, down)) return {};
  static const CudaKernel kernel(
      "with_thin", {.inputs = {"weight", "up", "down", "share"}, .outputs = {"y"}, .numbers = {"out", "in", "rank"}},
      sources::with_thin_cu, sources::tensor_cores_cuh);
  const int out = weight.shape(0), in = weight.shape(1);
  return kernel(
      {.inputs = {weight, up, down, share},
       .shapes = {weight.shape()},
       .types = {weight.dtype()},
       .constants = {{"WARPS", kWarps}, {"TILES", kTiles}},
       .numbers = {out, in, up.shape(1)},
       .threads = {static_cast<int>(divide_up(in, kColumns)) * kWarps * 32, static_cast<int>(divide_up(out, kRows)), 1},
       .block = {kWarps * 32, 1, 1}})[0];
}

}  // namespace corepulse::kernels::cuda
