#include <string>

#include "kernels/cuda/cuda.h"
#include "kernels/cuda/kernel.h"
#include "kernels/cuda/placed.h"
#include "kernels/cuda/sources.h"
#include "kernels/device.h"
#include "kernels/round.h"

namespace corepulse::kernels::cuda {
namespace {

constexpr int kWarps = 2, kQueries = 16 * kWarps;  // of a block
constexpr int kLoadBytes = 16;                     // what a thread loads at once
constexpr int kMostSize = 176;                     // of a head: two stages of keys and values fit 48 KiB

bool fits(const mx::array& q, const AttentionOptions& o) {
  const int size = q.shape(2) / o.heads;
  return on_cuda() && q.dtype() == mx::float16 && !o.causal && size > 128 && size <= kMostSize && size % 16 == 0 &&
         q.size() > 0;
}

}  // namespace

std::optional<mx::array> attention(const mx::array& q, const mx::array& k, const mx::array& v,
                                   const AttentionOptions& o) {
  if (!fits(q, o)) return {};
  static const CudaKernel kernel("attention",
                                 {.inputs = {"q", "k", "v", "bias"},
                                  .outputs = {"y"},
                                  .numbers = {"queries", "keys", "scale", "q_first", "q_batch", "q_row", "k_first",
                                              "k_batch", "k_row", "v_first", "v_batch", "v_row"}},
                                 sources::attention_cu,
                                 std::string(sources::tensor_cores_cuh) + sources::attention_cuh);
  const int size = q.shape(2) / o.heads, blocks = static_cast<int>(divide_up(q.shape(1), kQueries));
  const auto rows_of = [&](const mx::array& x) { return placed(mx::astype(x, q.dtype()), kLoadBytes); };
  const auto qs = rows_of(q), ks = rows_of(k), vs = rows_of(v);
  const auto bias = o.bias ? mx::astype(*o.bias, mx::float32) : qs.memory;
  return kernel({.inputs = {qs.memory, ks.memory, vs.memory, bias},
                 .shapes = {q.shape()},
                 .types = {q.dtype()},
                 .constants = {{"D", size}, {"WARPS", kWarps}, {"BIAS", o.bias.has_value()}},
                 .numbers = {q.shape(1), k.shape(1), o.scale, qs.first, qs.strides[0], qs.strides[1], ks.first,
                             ks.strides[0], ks.strides[1], vs.first, vs.strides[0], vs.strides[1]},
                 .threads = {blocks * kWarps * 32, o.heads, q.shape(0)},
                 .block = {kWarps * 32, 1, 1}})[0];
}

}  // namespace corepulse::kernels::cuda
